"""`POST /v1/events` with whatever one may send: each event has a result of its own, and no answer is a 5xx."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest

from lutong_contracts.feed import PostPublished
from tests.integration.feed.test_publishing import an_event, publish
from tests.support.odd_records import TIMES_REFUSED, TIMES_TAKEN, OddRecords

ARRAY = {"content-type": "application/cloudevents-batch+json"}


def deep(event_id: str, levels: int) -> bytes:
    whole = orjson.dumps(an_event(event_id))
    return whole.replace(b'"text":', b'"n":' + b"[" * levels + b"]" * levels + b',"text":')


async def as_array(client: httpx.AsyncClient, documents: Sequence[bytes]) -> list[Any]:
    answer = await client.post("/v1/events", content=b"[" + b", ".join(documents) + b"]", headers=ARRAY)
    assert answer.status_code == 200, answer.text
    results: list[Any] = answer.json()["results"]
    return results


def outcomes(results: Sequence[Any]) -> list[tuple[str, str | None, str | None]]:
    return [(result["status"], result["code"], result["pointer"]) for result in results]


ACCEPTED = ("accepted", None, None)


@pytest.mark.parametrize("levels", [210, 255, 300, 500, 1_100, 5_000])
async def test_deep_json_is_rejected_beside_good_neighbours(levels: int, client: httpx.AsyncClient) -> None:
    documents = [orjson.dumps(an_event("a")), deep("b", levels), orjson.dumps(an_event("c"))]
    found = outcomes(await as_array(client, documents))

    assert [found[0], found[2]] == [ACCEPTED, ACCEPTED]
    assert found[1][:2] == ("rejected", "bad_bytes")
    again = outcomes(await publish(client, *documents))
    assert [status for status, _, _ in again] == ["duplicate", "rejected", "duplicate"]


@pytest.mark.parametrize("time", TIMES_REFUSED)
async def test_an_odd_time_is_rejected_with_its_pointer(time: str, client: httpx.AsyncClient) -> None:
    odd = json.dumps(an_event("b", time=time)).encode()
    found = outcomes(await publish(client, an_event("a"), odd, an_event("c")))

    assert [found[0], found[2]] == [ACCEPTED, ACCEPTED]
    assert found[1][0] == "rejected"
    assert found[1][1:] in {("bad_header", "/time"), ("bad_bytes", None)}


@pytest.mark.parametrize("time", TIMES_TAKEN)
async def test_a_time_of_rfc_3339_is_taken(time: str, client: httpx.AsyncClient) -> None:
    assert outcomes(await publish(client, an_event("a", time=time))) == [ACCEPTED]


async def test_large_numbers_as_ids_lose_no_event(client: httpx.AsyncClient) -> None:
    numbers = [b'{"specversion":"1.0","id":10000000000000000000%d,"source":"/cms"}' % n for n in (1, 2)]
    events = [json.dumps(an_event(100_000_000_000_000_000_001 + n)).encode() for n in range(2)]  # type: ignore[arg-type]  # that is the point
    found = outcomes(await as_array(client, [*events, orjson.dumps(an_event("good"))]))

    assert found == [("rejected", "bad_header", "/id")] * 2 + [ACCEPTED]
    assert [code for _, code, _ in outcomes(await publish(client, *numbers))] == ["bad_bytes", "bad_bytes"]


@pytest.mark.parametrize(
    "journey",
    [
        "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
        "orders/1",
        "/x",
        "..",
        "../../livez",
        "路通/订单 1",
        "a?b#c%2F",
        "x" * 256,
        "路" * 256,
    ],
)
async def test_every_journey_that_is_named_can_be_looked_at(journey: str, client: httpx.AsyncClient) -> None:
    [result] = await publish(client, an_event("a") | {"id": journey})
    assert (result["status"], result["journey"]) == ("accepted", journey)

    path = quote(journey, safe="").replace(".", "%2E")
    answer = await client.get(f"/operations/journeys/{path}")
    assert [step["direction"] for step in answer.json()] == ["consumed", "published"]


async def test_a_journey_that_no_event_may_name_is_422(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/operations/journeys/{'x' * 257}")).status_code == 422
    assert (await client.get("/operations/journeys/%00")).status_code == 422


KINDS = [
    "application/json",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/x-ndjson",
]


async def test_no_body_is_a_5xx(client: httpx.AsyncClient) -> None:
    odd = OddRecords(3, lambda key, _: PostPublished(post_id=key, author_id="ann", text="路通"))
    random = Random(3)  # a test has to be repeatable
    nested = b"[" * 500 + b"]" * 500
    bodies = [
        nested,
        b"[" * 100_000,
        b"[]",
        b"[[]]",
        b"",
        b"[,]",
        b'["a',
        b"[1,2",
        b"{}",
        b"[{}]]",
        b"\xff",
        b'{"a":"\\ud800"}',
    ]
    bodies += [odd.next().raw.value or b"" for _ in range(300)]
    for body in bodies:
        for kind in [random.choice(KINDS)] if len(body) < 200 else KINDS[:2]:
            for whole in (body, b"[" + body + b"]"):
                answer = await client.post("/v1/events", content=whole[:250_000], headers={"content-type": kind})
                assert answer.status_code < 500, (kind, whole[:200], answer.text)
