"""The same id with other content is told, and who stands behind an id is the whole principal."""

import json
from typing import Any

import httpx
import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import bearer, events_published
from tests.integration.feed.test_publishing import LINES, POST, an_event, publish, statuses


def codes(results: list[Any]) -> list[tuple[str, str | None, str | None]]:
    return [(result["status"], result["code"], result["pointer"]) for result in results]


def saying(text: str, event_id: str = "e-1", **changes: Any) -> dict[str, Any]:
    return an_event(event_id, data={"post_id": f"post-of-{event_id}", "author_id": "ann", "text": text}, **changes)


CONFLICT = ("rejected", "conflict", "/id")


async def test_the_same_id_with_other_content_is_a_conflict(client: httpx.AsyncClient, pool: Pool) -> None:
    assert await statuses(client, saying("one")) == ["accepted"]
    results = await publish(client, saying("two"))
    assert codes(results) == [CONFLICT]
    assert results[0]["detail"]
    assert "id of its own" in results[0]["hint"]
    assert await events_published(pool) == [(POST, "post-of-e-1")]
    assert [row["code"] for row in (await client.get("/v1/events/rejected")).json()] == ["conflict"]


async def test_a_conflict_within_one_batch_is_reported(client: httpx.AsyncClient) -> None:
    results = await publish(client, saying("one"), saying("two"), saying("one"), saying("else", "e-2"))
    assert codes(results) == [("accepted", None, None), CONFLICT, ("duplicate", None, None), ("accepted", None, None)]


async def test_a_conflict_beside_a_refused_event_is_reported(client: httpx.AsyncClient) -> None:
    results = await publish(client, saying("one"), an_event("bad", author="nobody"), saying("two"))
    assert [result["code"] for result in results] == [None, "not_found", "conflict"]


async def test_a_dry_run_tells_a_conflict(client: httpx.AsyncClient) -> None:
    assert await statuses(client, saying("one")) == ["accepted"]
    assert codes(await publish(client, saying("two"), dry_run="true")) == [CONFLICT]


async def test_a_copy_in_another_order_and_at_another_time_is_a_copy(client: httpx.AsyncClient) -> None:
    event = saying("one")
    turned = {name: event[name] for name in reversed(event)} | {
        "data": dict(reversed(event["data"].items())), "time": "2026-01-31T08:00:00Z", "correlationid": "j",
    }  # fmt: skip
    assert await statuses(client, event, turned) == ["accepted", "duplicate"]


async def test_a_copy_of_what_an_older_release_took_is_a_copy(client: httpx.AsyncClient, pool: Pool) -> None:
    """That one kept no content, and knew publishers by their subject alone."""
    await publish(client, saying("one"))
    await pool.execute("UPDATE inbox SET content = NULL, source = 'ada /cms'")
    assert await statuses(client, saying("one"), saying("two")) == ["duplicate", "duplicate"]


def under_one_sub(member_id: str) -> Principal:
    return Principal("cms", "member", member_id=member_id)


async def test_two_members_under_one_sub_do_not_collide(client: httpx.AsyncClient, pool: Pool) -> None:
    mine = an_event("x", data={"post_id": "mine", "author_id": "ann", "text": "t"})
    theirs = an_event("x", data={"post_id": "theirs", "author_id": "bo", "text": "t"})
    assert [r["status"] for r in await publish(client, mine, who=under_one_sub("ann"))] == ["accepted"]
    assert [r["status"] for r in await publish(client, theirs, who=under_one_sub("bo"))] == ["accepted"]
    assert [r["status"] for r in await publish(client, mine, who=under_one_sub("ann"))] == ["duplicate"]
    assert await events_published(pool) == [(POST, "mine"), (POST, "theirs")]


async def test_two_members_under_one_sub_see_their_own_rejections(client: httpx.AsyncClient) -> None:
    await publish(client, an_event("secret", author="bo"), who=under_one_sub("ann"))
    mine = (await client.get("/v1/events/rejected", headers=bearer(under_one_sub("ann")))).json()
    theirs = (await client.get("/v1/events/rejected", headers=bearer(under_one_sub("bo")))).json()
    assert ([row["event_id"] for row in mine], theirs) == (["secret"], [])


@pytest.mark.parametrize("value", [100000000000000000001, 7, 1.0, True, [], ["a"], {}])
@pytest.mark.parametrize("name", ["id", "source", "type", "specversion", "time"])
async def test_an_attribute_that_is_no_text_is_rejected(name: str, value: object, client: httpx.AsyncClient) -> None:
    [result] = await publish(client, json.dumps(an_event() | {name: value}).encode())
    assert codes([result]) == [("rejected", "bad_header", f"/{name}")]
    assert "must be a string, not" in result["detail"]


async def test_two_ids_that_are_large_numbers_are_not_one(client: httpx.AsyncClient) -> None:
    events = [json.dumps(an_event(id=number)).encode() for number in (100000000000000000001, 100000000000000000002)]
    assert codes(await publish(client, *events)) == [("rejected", "bad_header", "/id")] * 2


@pytest.mark.parametrize(
    "time",
    ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00+08:00", "2026-01-31T08:00:00",
     "2026-W01-1", "20180405", "9999-12-31"],
)  # fmt: skip
async def test_an_odd_time_stops_no_other_event(time: str, client: httpx.AsyncClient) -> None:
    results = await publish(client, an_event("good"), an_event("odd", time=time), an_event("also-good"))
    assert codes(results) == [("accepted", None, None), ("rejected", "bad_header", "/time"), ("accepted", None, None)]


async def test_deep_data_stops_no_other_event(client: httpx.AsyncClient) -> None:
    deep = b'{"specversion":"1.0","id":"deep","source":"/cms","type":"%s","data":{"n":%s}}' % (
        POST.encode(), b"[" * 300 + b"]" * 300,
    )  # fmt: skip
    results = await publish(client, an_event("good"), deep, an_event("also-good"))
    assert codes(results) == [("accepted", None, None), ("rejected", "bad_bytes", "/data"), ("accepted", None, None)]
    array = b"[%s]" % deep
    answer = await client.post(
        "/v1/events", content=array, headers={"content-type": "application/cloudevents-batch+json"}
    )
    assert codes(answer.json()["results"]) == [("rejected", "bad_bytes", "/data")]


@pytest.mark.parametrize(
    "kind",
    ["application/cloudevents+json", "application/cloudevents-batch+json", "application/json", LINES["content-type"]],
)
async def test_a_byte_order_mark_is_passed_over(kind: str, client: httpx.AsyncClient) -> None:
    document = httpx.Request("POST", "http://x", json=an_event()).content
    body = b"\xef\xbb\xbf" + (b"[%s]" % document if "batch" in kind else document)
    answer = await client.post("/v1/events", content=body, headers={"content-type": kind})
    assert [result["status"] for result in answer.json()["results"]] == ["accepted"]
