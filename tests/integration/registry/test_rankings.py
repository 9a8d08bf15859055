"""Rankings and retention are what counting one by one gives; days that are late are restated, and closed ones are not."""

from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import httpx
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, a_merchant, a_received, bearer, deliver, http_client, in_transaction
from lutong_contracts.feed import CardTapped, ServiceSolved
from lutong_contracts.synthetic import PROBE
from lutong_registry.app import service
from lutong_registry.handlers import handlers
from lutong_registry.rankings.domain import day_of

NOW = datetime.now(UTC)
TODAY = day_of(NOW)
Uses = list[tuple[str, str, datetime]]


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        await client.put("/v1/merchants/shop", json={"name": "shop"})
        programs = [
            {"program_id": name, "merchant_id": "shop", "manifest": {"title": name, "page": "p", "category": category}}
            for name, category in (("tea", "food"), ("cake", "food"), ("fund", "government"))
        ]
        (await client.post("/v1/programs/batch", json={"programs": programs})).raise_for_status()
        yield client


async def use(pool: Pool, *uses: tuple[str, str, datetime]) -> None:
    """Viewers open programs, at times of their own."""
    events = [CardTapped(viewer_id=viewer, post_id="p-1", program_id=name, version=1) for viewer, name, _ in uses]
    await deliver(pool, handlers, *(a_received(e)._replace(time=u[2]) for e, u in zip(events, uses, strict=True)))


def days_ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


def many_uses(count: int, rng: Random) -> Uses:
    """Three programs over forty days; some viewers come back, and some often."""
    viewers = [f"v-{number}" for number in range(count // 8)]
    return [
        (rng.choice(viewers), rng.choice(["tea", "tea", "cake", "fund"]), NOW - timedelta(hours=rng.randint(0, 7 * 24)))
        for _ in range(count)
    ]


async def get(client: httpx.AsyncClient, path: str, **parameters: str | int) -> Any:  # noqa: ANN401  # JSON
    answer = await client.get(path, params=parameters)
    return answer.raise_for_status().json()


async def test_rankings_are_those_counted_one_by_one(client: httpx.AsyncClient, pool: Pool) -> None:
    uses = many_uses(600, Random(9))
    for place in range(0, len(uses), 100):
        await use(pool, *uses[place : place + 100])
    since = TODAY - timedelta(days=6)
    users: dict[str, set[str]] = defaultdict(set)
    opened: dict[str, int] = defaultdict(int)
    for viewer, name, at in uses:
        if day_of(at) >= since:
            users[name].add(viewer)
            opened[name] += 1
    ranking = await get(client, "/v1/rankings")
    assert [(each["name"], each["users"], each["opened"]) for each in ranking["ranked"]] == sorted(
        ((name, len(users[name]), opened[name]) for name in users), key=lambda each: (-each[1], -each[2], each[0])
    )
    food = await get(client, "/v1/rankings", category="food")
    assert {each["name"] for each in food["ranked"]} == {"tea", "cake"}
    by_category = {
        each["name"]: each["users"] for each in (await get(client, "/v1/rankings/categories", days=7))["ranked"]
    }
    assert by_category == {"food": len(users["tea"] | users["cake"]), "government": len(users["fund"])}


async def test_days_are_what_their_facts_add_up_to(client: httpx.AsyncClient, pool: Pool) -> None:
    uses = many_uses(300, Random(4))
    await use(pool, *uses)
    solved = ServiceSolved(viewer_id="v-1", post_id="p-1", program_id="tea")
    await deliver(pool, handlers, a_received(solved, id="once"), a_received(solved, id="twice"))
    expected: dict[date, tuple[int, set[str]]] = {}
    for viewer, name, at in uses:
        if name == "tea":
            times, who = expected.setdefault(day_of(at), (0, set()))
            expected[day_of(at)] = (times + 1, who | {viewer})
    days = await get(client, "/v1/programs/tea/days")
    assert {date.fromisoformat(each["day"]): (each["opened"], each["users"]) for each in days} == {
        day: (times, len(who)) for day, (times, who) in expected.items()
    }
    assert sum(each["solved"] for each in days) == 2


async def test_a_late_day_is_restated_and_a_closed_one_is_not(client: httpx.AsyncClient, pool: Pool) -> None:
    await use(pool, ("ann", "tea", NOW))
    await use(pool, ("ann", "tea", days_ago(2)))
    await use(pool, ("bo", "tea", days_ago(2)), ("bo", "tea", days_ago(8)))
    days = {each["day"]: each for each in await get(client, "/v1/programs/tea/days")}
    late, closed = (days[str(TODAY - timedelta(days=n))] for n in (2, 8))
    assert (days[str(TODAY)]["version"], late["version"], late["opened"], late["users"]) == (1, 2, 2, 2)
    assert (closed["version"], closed["opened"], closed["users"], closed["adjusted"]) == (1, 0, 0, 1)


async def test_the_same_events_again_change_no_day(client: httpx.AsyncClient, pool: Pool) -> None:
    event = a_received(CardTapped(viewer_id="ann", post_id="p-1", program_id="tea", version=1), id="one")
    await deliver(pool, handlers, event)
    before = await get(client, "/v1/programs/tea/days")
    async with in_transaction(pool) as tx:
        again = "INSERT INTO usage_fact SELECT * FROM usage_fact ON CONFLICT DO NOTHING"
        await tx.execute(again)
    assert await get(client, "/v1/programs/tea/days") == before


async def put_active(pool: Pool, *rows: tuple[str, str, int]) -> None:
    """Who was active so many days ago, as it would have been counted then."""
    async with in_transaction(pool) as tx:
        for viewer, name, days in rows:
            await tx.execute(
                "INSERT INTO usage_active VALUES ($1, $2, $3, 1, now())", name, viewer, TODAY - timedelta(days=days)
            )


async def test_retention_is_of_those_new_on_a_day(client: httpx.AsyncClient, pool: Pool) -> None:
    await put_active(
        pool, ("a", "tea", 20), ("a", "tea", 13), ("b", "tea", 20), ("b", "tea", 12), ("c", "tea", 20), ("c", "cake", 13),
        ("d", "tea", 19), ("e", "tea", 3),
    )  # fmt: skip
    found = await get(client, "/v1/metrics/retention", program_id="tea")
    first, second = found["cohorts"]
    assert (first["users"], first["d7"], first["returned"], first["d7_share"]) == (3, 1, 2, 0.3333)
    assert (second["users"], second["d7"]) == (1, 0)
    assert (found["total"]["users"], found["total"]["d7"]) == (4, 1)
    everywhere = await get(client, "/v1/metrics/retention")
    assert everywhere["cohorts"][0]["d7"] == 2  # c came back, to another program
    for cohort in [*found["cohorts"], *everywhere["cohorts"]]:
        assert cohort["d7"] <= cohort["returned"] <= cohort["users"]


async def test_a_month_counts_each_user_once(client: httpx.AsyncClient, pool: Pool) -> None:
    days = min(TODAY.day - 1, 29)
    await put_active(pool, *((viewer, "tea", days) for viewer in "ab"), ("a", "cake", 0), ("z", "tea", 45))
    found = await get(client, "/v1/metrics/active")
    assert (found["calendar_month"], found["trailing_30d"]) == (2, 2)
    assert (await get(client, "/v1/metrics/active", program_id="cake"))["calendar_month"] == 1
    merchant = bearer(a_merchant("shop"))
    assert (await client.get("/v1/metrics/active", headers=merchant)).status_code == 403
    assert (await client.get("/v1/metrics/active?program_id=tea", headers=merchant)).status_code == 200
    rival = await client.get("/v1/metrics/active?program_id=tea", headers=bearer(a_merchant("rival")))
    assert rival.status_code == 404


async def test_a_member_finds_what_they_use_and_what_goes_with_it(client: httpx.AsyncClient, pool: Pool) -> None:
    await use(pool, ("ann", "tea", days_ago(2)), ("ann", "tea", days_ago(2)), ("ann", "cake", days_ago(1)))
    await use(pool, ("bo", "tea", NOW), ("bo", "fund", NOW), ("cy", "cake", NOW))
    own = {by: await get(client, "/v1/members/ann/programs", by=by) for by in ("recent", "frequent", "for_you")}
    assert [each["program_id"] for each in own["recent"]] == ["cake", "tea"]
    assert [(each["program_id"], each["times"]) for each in own["frequent"]] == [("tea", 2), ("cake", 1)]
    assert [(each["program_id"], each["reason"]) for each in own["for_you"]] == [("fund", "used_with_yours")]
    new = await get(client, "/v1/members/nobody/programs", by="for_you")
    assert {each["reason"] for each in new} == {"hottest"}
    others = await client.get("/v1/members/ann/programs", headers=bearer(a_member("bo")))
    assert others.status_code == 404
    async with in_transaction(pool) as tx:
        rows = await tx.fetch("SELECT * FROM usage_active")
    assert not any("ann" in str(tuple(row)) for row in rows)


async def test_what_is_suspended_is_in_no_ranking(client: httpx.AsyncClient, pool: Pool) -> None:
    await use(pool, ("ann", "tea", NOW), ("bo", "tea", NOW), ("bo", "cake", NOW))
    await client.post("/v1/programs/tea/suspension", json={"reason": "fraud_found"})
    assert [each["name"] for each in (await get(client, "/v1/rankings"))["ranked"]] == ["cake"]
    assert [each["program_id"] for each in await get(client, "/v1/members/bo/programs")] == ["cake"]


async def figures_over_all(client: httpx.AsyncClient) -> dict[str, Any]:
    """What adds up over programs."""
    ranked = {
        name: await get(client, f"/v1/rankings{path}")
        for name, path in (("programs", ""), ("categories", "/categories"))
    }
    active, retention = await get(client, "/v1/metrics/active"), await get(client, "/v1/metrics/retention")
    liked = await get(client, "/v1/members/ann/programs", by="for_you")
    return {name: len(found["ranked"]) for name, found in ranked.items()} | {
        "active": active["trailing_30d"],
        "new": sum(cohort["users"] for cohort in retention["cohorts"]),
        "liked": len(liked),
    }


async def test_synthetic_journeys_count_in_no_figure_over_all(client: httpx.AsyncClient, pool: Pool) -> None:
    manifest = {"title": PROBE, "page": "p", "category": "tests"}
    program = {"program_id": PROBE, "merchant_id": "shop", "manifest": manifest}
    (await client.post("/v1/programs/batch", json={"programs": [program]})).raise_for_status()
    await put_active(pool, *((PROBE, PROBE, days) for days in (20, 13, 0)))
    nothing = dict.fromkeys(("programs", "categories", "active", "new", "liked"), 0)
    assert await figures_over_all(client) == nothing
    assert (await get(client, "/v1/metrics/active", program_id=PROBE))["trailing_30d"] == 1
    await put_active(pool, *(("bo", "tea", days) for days in (20, 13, 0)))  # the control
    assert await figures_over_all(client) == dict.fromkeys(nothing, 1)


def _ids(rows: list[dict[str, Any]]) -> set[str]:
    return {each["program_id"] for each in rows}


async def test_what_one_audit_passed_is_ranked_for_nobody(client: httpx.AsyncClient, pool: Pool) -> None:
    """Who used it finds it among their own; once the second audit passed it, everybody finds it."""
    await use(pool, ("ann", "tea", NOW), ("ann", "cake", NOW), ("bo", "cake", NOW), ("cy", "fund", NOW))

    async def found() -> tuple[set[str], set[str], set[str]]:
        ranked = (await get(client, "/v1/rankings"))["ranked"]
        liked = await get(client, "/v1/members/bo/programs", by="for_you")
        own = await get(client, "/v1/members/ann/programs")
        return {each["name"] for each in ranked}, _ids(liked), _ids(own)

    everywhere = ({"tea", "cake", "fund"}, {"tea", "fund"}, {"tea", "cake"})
    assert await found() == everywhere  # the control
    manifest = {"title": "tea", "page": "p", "category": "food"}
    (await client.post("/v1/programs/tea/versions", json={"version": 2, "manifest": manifest})).raise_for_status()
    for step in ("admission", "release"):
        (await client.post(f"/v1/programs/tea/versions/2/{step}")).raise_for_status()
    assert await found() == ({"cake", "fund"}, {"fund"}, {"tea", "cake"})
    (await client.post("/v1/programs/tea/versions/2/approval")).raise_for_status()
    assert await found() == everywhere
