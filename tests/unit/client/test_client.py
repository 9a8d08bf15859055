"""The publisher's SDK: what it sends is what consumers understand, copies are copies, and a rejection says why."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import pytest

from lutong_chassis.envelope import read
from lutong_client import (
    AsyncHttpTransport,
    AsyncPublisher,
    HttpTransport,
    Publisher,
    PublishError,
    Receipt,
    message,
)
from lutong_client.http import calls, understood
from lutong_client.testing import AsyncFakeTransport, FakeTransport
from lutong_contracts.feed import RequestCancelled
from lutong_contracts.registry import ProgramResumed
from tests.support.builders import a_post

CMS = "/partner/cms"


@dataclass
class ARecord:
    """A Kafka record, as far as a consumer looks at it."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    partition: int = 0
    offset: int = 0
    timestamp: int = 1_700_000_000_000
    extra: dict[str, Any] = field(default_factory=dict)


def test_what_is_sent_in_binary_mode_is_what_consumers_understand() -> None:
    sent = message(a_post("p-1"), CMS, id="cms-1", correlation_id="j-1", causation_id="c-1")
    received = read(ARecord(sent.event.topic.name, sent.event.key.encode(), sent.value, sent.headers))
    assert (received.event, received.id, received.source) == (a_post("p-1"), "cms-1", CMS)
    assert (received.cause.correlation_id, received.cause.causation_id, received.sequence) == ("j-1", "c-1", None)


def test_what_is_sent_in_structured_mode_is_what_consumers_understand() -> None:
    sent = message(a_post("p-1", text="第一行\n第二行"), CMS, id="cms-1")
    assert b"\n" not in sent.document
    headers = [("content-type", b"application/cloudevents+json")]
    received = read(ARecord(sent.event.topic.name, b"p-1", sent.document, headers))
    assert (received.event, received.id, received.cause.correlation_id) == (sent.event, "cms-1", "cms-1")


def test_without_an_id_every_message_is_a_new_one() -> None:
    assert message(a_post(), CMS).id != message(a_post(), CMS).id


def test_messages_go_to_the_owners_of_their_topics_in_bounded_requests() -> None:
    cancelled = [message(RequestCancelled(viewer_id="v", order_id=f"o-{n}"), CMS) for n in range(501)]
    other = message(ProgramResumed(program_id="g-1"), CMS)
    sent = [*cancelled[:3], other, *cancelled[3:], message(a_post("p-1"), CMS)]
    found = calls(sent)
    assert [(call.owner, len(call.positions)) for call in found] == [("feed", 500), ("feed", 2), ("registry", 1)]
    assert [json.loads(line)["id"] for line in found[0].body.splitlines()] == [m.id for m in cancelled[:500]]


def an_answer(status: int, document: dict[str, Any]) -> httpx.Response:
    request = httpx.Request("POST", "https://feed.example/v1/events")
    return httpx.Response(status, json=document, request=request)


def test_receipts_are_read_and_what_is_not_known_yet_is_ignored() -> None:
    results = [{"id": "a", "status": "rejected", "code": "invalid", "pointer": "/data/text", "colour": "red"}]
    assert understood(an_answer(200, {"results": results})) == [
        Receipt("a", "rejected", code="invalid", pointer="/data/text")
    ]


@pytest.mark.parametrize(("status", "transient"), [(429, True), (503, True), (409, True), (401, False), (422, False)])
def test_an_answer_that_takes_nothing_tells_whether_a_retry_helps(status: int, transient: bool) -> None:
    with pytest.raises(PublishError, match=r"feed\.example answers") as caught:
        understood(an_answer(status, {"detail": "not now"}))
    assert caught.value.transient is transient


def test_the_fake_knows_copies_and_rejects_what_it_must() -> None:
    fake = FakeTransport(reject={"bad": "invalid"})
    publisher = Publisher(CMS, fake)
    assert publisher.publish(a_post(), id="a", dry_run=True).status == "accepted"
    assert fake.sent == []
    assert [publisher.publish(a_post(), id="a").status for _ in range(2)] == ["accepted", "duplicate"]
    with pytest.raises(PublishError, match="invalid") as caught:
        publisher.publish(a_post(), id="bad")
    assert caught.value.receipt == Receipt(
        "bad", "rejected", "bad", code="invalid", detail="the fake rejects it: invalid"
    )
    assert [sent.id for sent in fake.sent] == ["a"]


async def test_awaiting_is_the_same() -> None:
    transport = AsyncFakeTransport()
    publisher = AsyncPublisher(CMS, transport)
    assert (await publisher.publish(a_post(), id="a")).status == "accepted"
    assert [r.status for r in await publisher.publish_many([message(a_post(), CMS, id="a")])] == ["duplicate"]
    assert await publisher.publish_many([]) == []
    assert [sent.event for sent in transport.sent] == [a_post()]


@pytest.mark.parametrize("given", ["", "  ", "x" * 257, "a\x00b", "\ud800", 7])
@pytest.mark.parametrize("name", ["id", "correlation_id", "causation_id"])
def test_an_attribute_that_no_service_takes_is_refused_at_once(name: str, given: object) -> None:
    fake = FakeTransport()
    with pytest.raises(ValueError, match=f"^{name} "):
        Publisher(CMS, fake).publish(a_post(), **{name: given})  # type: ignore[arg-type]  # that is what is refused
    assert fake.sent == []


def test_a_source_that_is_empty_and_a_time_without_zone_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^source is empty"):
        message(a_post(), "")
    with pytest.raises(ValueError, match=r"^time has no offset"):
        message(a_post(), CMS, time=datetime(2026, 1, 31))  # noqa: DTZ001  # that is what is refused


@pytest.mark.parametrize(
    ("url", "transient", "words"),
    [
        ("http://127.0.0.1:1", True, "does not answer"),
        ("http://no-such-host.invalid", True, "does not answer"),
        ("ftp://feed.example", False, "cannot be asked"),
        ("feed.example:8001", False, "cannot be asked"),
        ("", False, "cannot be asked"),
        ("http://[::1", False, "cannot be asked"),
        ("http://127.0.0.1:99999999", False, "cannot be asked"),
    ],
)
async def test_every_connection_error_over_http_is_a_publish_error(url: str, transient: bool, words: str) -> None:
    blocking = HttpTransport({"feed": url}, tries_max=1, timeout_s=2)
    awaiting = AsyncHttpTransport({"feed": url}, tries_max=1, timeout_s=2)
    with pytest.raises(PublishError, match=f"^feed at .*{words}") as caught:
        Publisher(CMS, blocking).publish(a_post(), id="a")
    assert caught.value.transient is transient
    with pytest.raises(PublishError, match=f"^feed at .*{words}") as caught:
        await AsyncPublisher(CMS, awaiting).publish(a_post(), id="a")
    assert caught.value.transient is transient
    blocking.close()
    await awaiting.close()


def test_a_url_that_cannot_work_is_tried_once() -> None:
    transport = HttpTransport({"feed": "ftp://feed.example"}, tries_max=1_000_000)
    with pytest.raises(PublishError, match="cannot be asked"):
        Publisher(CMS, transport).publish(a_post(), id="a")
    transport.close()


@pytest.mark.parametrize("token", ["t\n", "  t ", lambda: "t\r\n"])
def test_a_token_out_of_a_file_loses_its_line_end(token: str | Callable[[], str]) -> None:
    transport = HttpTransport({"feed": "http://feed.example"}, token)
    assert transport.endpoints.request("feed", b"", dry_run=False)["headers"]["authorization"] == "Bearer t"
    transport.close()


@pytest.mark.parametrize("token", ["a\nb", "令牌"])
def test_a_token_that_no_header_takes_is_refused_in_words(token: str) -> None:
    transport = HttpTransport({"feed": "http://feed.example"}, token)
    with pytest.raises(PublishError, match="token has characters"):
        Publisher(CMS, transport).publish(a_post(), id="a")
    transport.close()


@pytest.mark.parametrize("content", [b"<html>proxy</html>", b"[]", b'{"results": 1}', b'{"results": [1]}', b"{}"])
def test_an_answer_of_another_server_is_distinguished_from_ours(content: bytes) -> None:
    request = httpx.Request("POST", "https://feed.example/v1/events")
    with pytest.raises(PublishError, match=r"feed\.example answers, but is no service of Lutong"):
        understood(httpx.Response(200, content=content, request=request))
