"""Other services publish posts as events over HTTP, and each event gets an answer of its own."""

from typing import Any

import httpx
import orjson
import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, bearer, events_published

LINES = {"content-type": "application/x-ndjson"}
POST = "lutong.feed.post-published.v1"


def an_event(event_id: str = "e-1", author: str = "ann", **changes: Any) -> dict[str, Any]:
    data = {"post_id": f"post-of-{event_id}", "author_id": author, "text": "公积金新政策"}
    return {"specversion": "1.0", "id": event_id, "source": "/cms", "type": POST, "data": data} | changes


async def publish(client: httpx.AsyncClient, *events: Any, who: Principal | None = None, **params: Any) -> list[Any]:
    body = b"\n".join(event if isinstance(event, bytes) else orjson.dumps(event) for event in events)
    headers = LINES | (bearer(who) if who else {})
    answer = await client.post("/v1/events", content=body, headers=headers, params=params)
    assert answer.status_code == 200, answer.text
    results: list[Any] = answer.json()["results"]
    return results


async def statuses(client: httpx.AsyncClient, *events: Any, **params: Any) -> list[str]:
    return [result["status"] for result in await publish(client, *events, **params)]


async def test_a_post_that_arrives_as_an_event_is_published_on_its_journey(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    [result] = await publish(client, an_event(correlationid="journey-of-the-cms"))
    assert (result["status"], result["journey"]) == ("accepted", "journey-of-the-cms")
    assert await events_published(pool) == [(POST, "post-of-e-1")]
    journey = (await client.get("/operations/journeys/journey-of-the-cms")).json()
    assert [(step["direction"], step["causation_id"]) for step in journey] == [("consumed", None), ("published", "e-1")]
    assert (await client.get("/v1/posts/post-of-e-1")).json()["text"] == "公积金新政策"


async def test_a_copy_is_distinguished_from_a_new_event(client: httpx.AsyncClient, pool: Pool) -> None:
    assert await statuses(client, an_event("a"), an_event("b"), an_event("a")) == ["accepted", "accepted", "duplicate"]
    assert await statuses(client, an_event("b"), an_event("c")) == ["duplicate", "accepted"]
    assert await events_published(pool) == [(POST, f"post-of-{name}") for name in "abc"]


async def test_what_is_wrong_with_an_event_stops_no_other(client: httpx.AsyncClient, pool: Pool) -> None:
    results = await publish(
        client,
        an_event("good"),
        b"{not json",
        an_event("untyped", type="lutong.feed.no-such-thing.v1"),
        an_event("textless", data={"post_id": "p", "author_id": "ann", "text": ""}),
        an_event("stranger", author="nobody"),
        an_event("foreign", type="lutong.feed.card-tapped.v1", data={
            "viewer_id": "bo", "post_id": "p", "program_id": "g", "version": 1}),
        an_event("also-good"),
        {"specversion": "1.0", "id": "incomplete", "type": POST, "data": {}},
    )  # fmt: skip
    assert [(r["id"], r["status"], r["code"], r["pointer"]) for r in results] == [
        ("good", "accepted", None, None),
        (None, "rejected", "bad_bytes", None),
        ("untyped", "rejected", "unknown_type", "/type"),
        ("textless", "rejected", "invalid", "/data/text"),
        ("stranger", "rejected", "not_found", "/data"),
        ("foreign", "rejected", "not_taken", "/type"),
        ("also-good", "accepted", None, None),
        ("incomplete", "rejected", "bad_header", "/source"),
    ]
    assert all(r["detail"] for r in results if r["status"] == "rejected")
    assert await events_published(pool) == [(POST, "post-of-good"), (POST, "post-of-also-good")]


async def test_what_was_rejected_can_be_corrected_under_its_id(client: httpx.AsyncClient) -> None:
    assert await statuses(client, an_event(author="dora"), an_event("other")) == ["rejected", "accepted"]
    await client.put("/v1/accounts/dora", json={"name": "Dora"})
    assert await statuses(client, an_event(author="dora")) == ["accepted"]


async def test_a_dry_run_answers_the_same_and_changes_nothing(client: httpx.AsyncClient, pool: Pool) -> None:
    batch = [an_event(), an_event("bad", author="nobody")]
    assert await statuses(client, *batch, dry_run="true") == ["accepted", "rejected"]
    assert await events_published(pool) == []
    assert (await client.get("/v1/events/rejected")).json() == []
    assert await statuses(client, *batch) == ["accepted", "rejected"]


async def test_a_member_publishes_as_nobody_else_and_takes_nobodys_ids(client: httpx.AsyncClient) -> None:
    [foreign] = await publish(client, an_event("x", author="bo"), who=a_member("ann"))
    assert (foreign["status"], foreign["code"]) == ("rejected", "not_found")
    mine = an_event("x") | {"data": {"post_id": "mine", "author_id": "ann", "text": "t"}}
    theirs = an_event("x") | {"data": {"post_id": "theirs", "author_id": "bo", "text": "t"}}
    assert await statuses(client, mine, who=a_member("ann")) == ["accepted"]
    assert await statuses(client, theirs, who=a_member("bo")) == ["accepted"]


async def test_rejections_are_kept_for_their_sender_without_the_content(client: httpx.AsyncClient) -> None:
    secret = an_event("x", data={"post_id": "p", "author_id": "ann", "text": "t", "phone": "13800000000"})
    await publish(client, secret, an_event("y", author="bo"), who=a_member("ann"))
    mine = await client.get("/v1/events/rejected", headers=bearer(a_member("ann")))
    assert [(r["event_id"], r["type"], r["subject"]) for r in mine.json()][-1] == ("y", POST, "ann")
    assert "13800000000" not in mine.text
    assert (await client.get("/v1/events/rejected", headers=bearer(a_member("bo")))).json() == []
    assert (await client.get("/v1/events/rejected")).json() == mine.json()


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/cloudevents+json", orjson.dumps(an_event("1")), 200),
        ("application/cloudevents-batch+json", orjson.dumps([an_event("1"), an_event("2")]), 200),
        ("application/json; charset=utf-8", orjson.dumps([an_event("1")]), 200),
        ("text/plain", b"{}", 415),
        ("application/x-ndjson", b"\n\n", 422),
        ("application/x-ndjson", b"{}\n" * 501, 422),
        ("application/cloudevents-batch+json", b"[{]", 422),
    ],
)
async def test_one_event_an_array_and_lines_are_taken_and_nothing_else(
    kind: str, body: bytes, status: int, client: httpx.AsyncClient
) -> None:
    answer = await client.post("/v1/events", content=body, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    if status == 200:
        assert {result["status"] for result in answer.json()["results"]} == {"accepted"}


@pytest.mark.parametrize("time", ["2026-01-31T08:00:00", "yesterday", "9999-12-31T23:59:59-23:59"])
async def test_a_time_that_is_none_has_its_pointer_and_a_hint(time: str, client: httpx.AsyncClient) -> None:
    [result] = await publish(client, an_event(time=time))
    assert (result["status"], result["pointer"]) == ("rejected", "/time")
    assert "2026-01-31T08:00:00+08:00" in result["hint"]
