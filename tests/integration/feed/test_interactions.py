"""What viewers saw and did in answers of the feed: each counted once, and nothing that was never served."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import httpx
import pytest
import pytest_asyncio

from lutong_chassis import Service
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, a_received, deliver, http_client
from lutong_contracts.feed import InteractionsReported
from lutong_contracts.touches import read
from lutong_feed.handlers import handlers
from lutong_feed.touches.domain import Keys
from tests.integration.feed.test_feed import a_post, consume_own_events

KINDS: Final = ("impression", "open", "show_less")


class Shown(NamedTuple):
    """What was counted: of which post, where, of which kind."""

    post_id: str
    placement: str
    kind: str


@pytest_asyncio.fixture
async def bo(service: Service, client: httpx.AsyncClient, pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """Bo reads Ann, who has three posts."""
    for number in range(3):
        await a_post(client, text=f"post {number}")
    await client.put("/v1/accounts/bo/follows/ann")
    async with http_client(service, pool, a_member("bo")) as bo:
        yield bo


async def touches(bo: httpx.AsyncClient, path: str = "/v1/accounts/bo/timeline") -> list[str]:
    return [post["touch"] for post in (await bo.get(path)).json()["posts"]]


async def report(client: httpx.AsyncClient, reports: Sequence[tuple[str, str]], viewer_id: str = "bo") -> Any:  # noqa: ANN401  # JSON
    body = {"viewer_id": viewer_id, "interactions": [{"touch": touch, "kind": kind} for touch, kind in reports]}
    answer = await client.post("/v1/interactions", json=body)
    return {"status": answer.status_code} | answer.json()


async def counted(pool: Pool) -> dict[Shown, int]:
    rows = await pool.fetch("SELECT post_id, placement, kind, times FROM interaction_count")
    return {Shown(*row[:3]): row["times"] for row in rows}


async def test_each_item_of_an_answer_carries_its_own_touch(bo: httpx.AsyncClient) -> None:
    page = (await bo.get("/v1/accounts/bo/timeline")).json()
    read_each = [read(post["touch"]) for post in page["posts"]]
    assert [(each.request_id, each.placement, each.position, each.post_id, each.viewer_id) for each in read_each if each] == [
        (page["request_id"], "timeline", place, post["post_id"], "bo") for place, post in enumerate(page["posts"])
    ]  # fmt: skip
    again = (await bo.get("/v1/accounts/ann/posts")).json()
    assert again["request_id"] != page["request_id"]
    assert {each.placement for post in again["posts"] if (each := read(post["touch"]))} == {"account"}


async def test_staff_looks_at_posts_and_leaves_no_touch(client: httpx.AsyncClient, bo: httpx.AsyncClient) -> None:
    post_id = (await bo.get("/v1/accounts/ann/posts")).json()["posts"][0]["post_id"]
    assert (await client.get(f"/v1/posts/{post_id}")).json()["touch"] is None
    assert read((await bo.get(f"/v1/posts/{post_id}")).json()["touch"])


@pytest.mark.parametrize("seed", range(3))
async def test_counts_equal_brute_force_over_what_was_reported(bo: httpx.AsyncClient, pool: Pool, seed: int) -> None:
    """Reports overlap and repeat, their events come twice and in any order; each item counts once per kind."""
    rng = random.Random(seed)
    served = [
        each for path in ("/v1/accounts/bo/timeline", "/v1/accounts/ann/posts") for each in await touches(bo, path)
    ]
    expected: set[tuple[str, int, Shown]] = set()
    for _ in range(8):
        batch = [(rng.choice(served), rng.choice(KINDS)) for _ in range(rng.randint(1, 12))]
        forged = [(touch[:-1] + ("A" if touch[-1] != "A" else "B"), kind) for touch, kind in batch[:3]]
        answer = await report(bo, [*batch, *forged])
        assert answer["status"] == 202
        assert len(answer["refused"]) == len(forged)
        states = [(item, kind) for touch, kind in batch if (item := read(touch))]
        expected |= {(i.request_id, i.position, Shown(i.post_id, i.placement, kind)) for i, kind in states}
    rows = await pool.fetch("SELECT payload FROM outbox WHERE topic = 'lutong.feed.interactions'")
    events = [InteractionsReported.model_validate_json(row["payload"]) for row in rows]
    copies = [*events, *events]
    rng.shuffle(copies)
    while copies:
        await deliver(pool, handlers, *[a_received(copies.pop()) for _ in range(min(len(copies), rng.randint(1, 5)))])
    truth = dict(Counter(shown for _, _, shown in expected))
    assert await counted(pool) == truth
    assert await pool.fetchval("SELECT rebuild_interactions()") == 0
    await pool.execute("UPDATE interaction_count SET times = times + 7")  # the control: a rebuild finds what is wrong
    await pool.execute("INSERT INTO interaction_count VALUES ('nothing', 'timeline', 'open', 1)")
    assert await pool.fetchval("SELECT rebuild_interactions()") == len(truth) + 1
    assert await counted(pool) == truth


async def test_what_was_never_served_is_refused_with_a_sentence(
    bo: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    forged = await report(bo, [("1~1~nothing", "impression")])
    assert (forged["status"], forged["type"]) == (422, "urn:lutong:problem:never_served")
    assert "send the `touch` of its answer back" in forged["detail"]
    (mine, *_) = await touches(bo)
    theirs = await report(client, [(mine, "impression")], "cy")
    assert (theirs["status"], theirs["type"]) == (422, "urn:lutong:problem:never_served")
    assert (await report(bo, [(mine, "impression")], "cy"))["status"] == 404


async def test_what_comes_late_counts_for_a_week(bo: httpx.AsyncClient, pool: Pool) -> None:
    (touch, *_) = await touches(bo)
    secret = await pool.fetchval("SELECT secret FROM touch_secret")
    for age, status in ((timedelta(days=6, hours=23), 202), (timedelta(days=7, minutes=1), 422)):
        late = _signed_anew(touch, secret, datetime.now(UTC) - age)
        assert (await report(bo, [(late, "impression")]))["status"] == status
    await consume_own_events(pool)
    assert sum((await counted(pool)).values()) == 1
    assert await pool.fetchval("SELECT count(*) FROM interaction_fact WHERE day < current_date - 5") == 1


async def test_a_body_with_a_hundred_thousand_is_refused_with_a_sentence(bo: httpx.AsyncClient) -> None:
    (touch, *_) = await touches(bo)
    short = await report(bo, [("x", "open")] * 100_000)
    assert (short["status"], short["type"]) == (413, "urn:lutong:problem:too_large")
    assert "at most" in short["detail"]
    many = await report(bo, [(touch, "open")] * 501)
    assert many["status"] == 422 or many["status"] == 413
    assert many["detail"]


async def test_days_past_retention_are_forgotten_and_stay_counted(bo: httpx.AsyncClient, pool: Pool) -> None:
    await report(bo, [(touch, "impression") for touch in await touches(bo)])
    await consume_own_events(pool)
    await pool.execute("UPDATE interaction_fact SET day = day - 500")
    await pool.execute("SELECT keep_fact_days('400 days')")
    assert await pool.fetchval("SELECT count(*) FROM interaction_fact") == 0
    assert await pool.fetchval("SELECT rebuild_interactions()") == 0
    assert sum((await counted(pool)).values()) == 3


async def test_other_systems_report_by_events_what_was_served(bo: httpx.AsyncClient, pool: Pool) -> None:
    (touch, *_) = await touches(bo)
    kind = InteractionsReported.type
    event = {"specversion": "1.0", "id": "e-1", "source": "/app", "type": kind}
    seen = event | {"data": {"viewer_id": "bo", "interactions": [{"touch": touch, "kind": "impression"}]}}
    forged = seen | {
        "id": "e-2",
        "data": {"viewer_id": "bo", "interactions": [{"touch": touch[:-22] + "A" * 22, "kind": "open"}]},
    }
    answer = await bo.post("/v1/events", json=[seen, seen, forged])
    assert [each["status"] for each in answer.json()["results"]] == ["accepted", "duplicate", "rejected"]
    assert answer.json()["results"][2]["code"] == "never_served"
    await consume_own_events(pool)
    assert sum((await counted(pool)).values()) == 1


async def test_an_author_sees_what_was_counted_and_others_do_not(
    service: Service, bo: httpx.AsyncClient, pool: Pool
) -> None:
    (touch, *_) = await touches(bo)
    await report(bo, [(touch, "impression"), (touch, "open")])
    await consume_own_events(pool)
    served = read(touch)
    assert served
    path = f"/v1/posts/{served.post_id}/interactions"
    assert (await bo.get(path)).status_code == 404
    async with http_client(service, pool, a_member("ann")) as ann:
        found = (await ann.get(path)).json()
    assert found == [{"placement": "timeline", "kind": kind, "times": 1} for kind in ("impression", "open")]


def _signed_anew(touch: str, secret: bytes, served_at: datetime) -> str:
    served = read(touch)
    assert served
    return Keys({1: secret}, signs=1).sign(served._replace(served_at=served_at))
