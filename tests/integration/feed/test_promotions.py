"""Places that are paid for: shown with a label, spent once per impression that counts, and answered to the registry."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver
from lutong_contracts.promotions import PaidSlotsDue
from lutong_contracts.registry import ProgramSuspended
from lutong_contracts.touches import read
from lutong_contracts.traffic import PromotionChanged, TrafficReserved
from lutong_feed.handlers import handlers
from lutong_feed.promotions import domain
from tests.integration.feed.placing import BO, CY, HOME, a_card, ask, follow, ids, less_of, post
from tests.integration.feed.test_feed import consume_own_events

HOUR = timedelta(hours=1)


def allowance(pv: int = 200, spend_id: str = "s-1", program_id: str = "rice", **changes: Any) -> TrafficReserved:
    facts = {"placement": "home", "promotion_id": "winter", "ends_at": datetime.now(UTC) + HOUR} | changes
    return TrafficReserved(program_id=program_id, spend_id=spend_id, pv=pv, **facts)


@pytest.fixture(autouse=True)
async def world(client: httpx.AsyncClient, pool: Pool) -> None:
    """Bo follows Ann, who posts words; Cy's post leads to what is promoted, and nobody follows Cy."""
    await follow(client, "bo", "ann")
    for number in range(5):
        await post(client, "ann", f"ann-{number}")
    await a_card(client, pool, "cy", "rice")


async def saw(client: httpx.AsyncClient, pool: Pool, touch: str, viewer: str = "bo", times: int = 1) -> None:
    for _ in range(times):
        body = {"viewer_id": viewer, "interactions": [{"touch": touch, "kind": "impression"}]}
        (await client.post("/v1/interactions", json=body)).raise_for_status()
        await consume_own_events(pool)


async def paid(client: httpx.AsyncClient, path: str = HOME, **query: Any) -> dict[str, Any] | None:
    found = [item for item in (await ask(client, path, **query))["items"] if item["kind"] == "paid"]
    return found[0] if found else None


async def published(pool: Pool, kind: str) -> list[dict[str, Any]]:
    sql = "SELECT payload FROM outbox WHERE type = $1 ORDER BY id"
    return [orjson.loads(row["payload"]) for row in await pool.fetch(sql, f"lutong.feed.{kind}.v1")]


async def used(pool: Pool) -> list[tuple[int, bool]]:
    rows = await pool.fetch("SELECT used, closed_at IS NOT NULL AS closed FROM slot_allowance ORDER BY spend_id")
    return [tuple(row) for row in rows]


async def test_one_labelled_place_of_a_page_is_paid_for(client: httpx.AsyncClient, pool: Pool) -> None:
    assert await paid(client) is None
    await deliver(pool, handlers, allowance())
    page = await ask(client, HOME, limit=5)
    item = page["items"][domain.SLOT]
    assert [each["kind"] for each in page["items"]] == ["organic"] * 3 + ["paid", "organic"]
    assert (item["post"]["post_id"], item["why"]["reason"], "推广" in item["why"]["zh"]) == ("cy-rice", "paid", True)
    touches = [read(each["post"]["touch"]) for each in page["items"]]
    assert [each.position for each in touches if each] == list(range(5))
    assert [each.placement for each in touches if each] == ["home"] * 3 + ["home_paid", "home"]
    rest = await ask(client, HOME, limit=5, cursor=page["next_cursor"])
    assert sorted(each for each in ids(page) + ids(rest) if each != "cy-rice") == [f"ann-{n}" for n in range(5)]


@pytest.mark.parametrize("query", [{"order": "newest"}, {"limit": domain.SLOT}])
async def test_by_time_and_on_short_pages_none_is(client: httpx.AsyncClient, pool: Pool, query: dict[str, Any]) -> None:
    await deliver(pool, handlers, allowance(), allowance(5, "s-2", placement="square"))
    assert await paid(client, **query) is None


async def test_an_impression_that_counts_spends_one(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, allowance())
    item = await paid(client)
    assert item
    await saw(client, pool, item["post"]["touch"], times=3)
    organic = (await ask(client, HOME))["items"][0]["post"]["touch"]
    await saw(client, pool, organic)
    assert await used(pool) == [(1, False)]
    (event,) = await published(pool, "paid-slots-shown")
    assert (event["spend_id"], [each["viewer_id"] for each in event["shown"]]) == ("s-1", ["bo"])
    counts = (await client.get("/v1/posts/cy-rice/interactions")).json()
    assert counts == [{"placement": "home_paid", "kind": "impression", "times": 1}]


async def test_what_is_spent_up_is_answered_and_shown_no_more(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, allowance(pv=1))
    first, second = await paid(client), await paid(client)
    assert first
    assert second
    await saw(client, pool, first["post"]["touch"])
    assert await paid(client) is None
    await saw(client, pool, second["post"]["touch"])
    assert await used(pool) == [(1, True)]
    assert await published(pool, "paid-slots-closed") == [{"program_id": "rice", "spend_id": "s-1", "used": 1}]


async def test_what_is_not_shown_in_time_goes_back(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, allowance())
    item = await paid(client)
    assert item
    await deliver(pool, handlers, PaidSlotsDue(program_id="rice", spend_id="s-1"))
    await deliver(pool, handlers, PaidSlotsDue(program_id="rice", spend_id="s-1"))
    assert await published(pool, "paid-slots-closed") == [{"program_id": "rice", "spend_id": "s-1", "used": 0}]
    await saw(client, pool, item["post"]["touch"])
    assert await used(pool) == [(0, True)]


async def test_late_impressions_count_on_the_next_allowance(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, allowance())
    item = await paid(client)
    assert item
    await deliver(pool, handlers, PaidSlotsDue(program_id="rice", spend_id="s-1"), allowance(spend_id="s-2"))
    await saw(client, pool, item["post"]["touch"])
    assert await used(pool) == [(0, True), (1, False)]


async def test_an_ended_promotion_is_answered_at_once(client: httpx.AsyncClient, pool: Pool) -> None:
    ended = PromotionChanged(
        program_id="rice", promotion_id="winter", placement="home", state="ended", pv=9, ends_at=datetime.now(UTC)
    )
    await deliver(pool, handlers, allowance(), ended)
    assert await paid(client) is None
    assert len(await published(pool, "paid-slots-closed")) == 1


async def test_readers_decide_what_they_are_not_shown(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, allowance())
    page = await ask(client, HOME)
    await less_of(client, pool, page, "cy-rice")
    assert await paid(client) is None
    other = "/v1/accounts/ann/placements/home"
    assert (await client.get(other)).json()["items"][domain.SLOT]["kind"] == "paid"
    (await client.put("/v1/accounts/ann/mutes/cy")).raise_for_status()
    assert "paid" not in [item["kind"] for item in (await client.get(other)).json()["items"]]


async def test_a_reader_sees_a_program_three_times_a_day(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, allowance())
    for _ in range(domain.SEEN_MAX):
        item = await paid(client)
        assert item
        await saw(client, pool, item["post"]["touch"])
    assert await paid(client) is None


async def test_what_cannot_be_opened_is_not_shown(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, allowance(), ProgramSuspended(program_id="rice", reason="security_incident"))
    assert await paid(client) is None


async def test_slots_of_others_and_forged_touches_spend_nothing(client: httpx.AsyncClient, pool: Pool) -> None:
    operators = TrafficReserved(program_id="rice", spend_id="s-0", placement="home", pv=9)
    await deliver(pool, handlers, operators)
    assert await used(pool) == []
    await deliver(pool, handlers, allowance())
    touch = (await ask(client, HOME))["items"][0]["post"]["touch"].replace("~home~", "~home_paid~")
    body = {"viewer_id": "bo", "interactions": [{"touch": touch, "kind": "impression"}]}
    assert (await client.post("/v1/interactions", json=body)).status_code == 422
    assert await used(pool) == [(0, False)]
    assert await ask(client, "/v1/accounts/cy/placements/home", CY)
    assert BO.member_id == "bo"


async def test_old_impressions_are_forgotten_with_their_allowance(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, allowance(pv=1))
    item = await paid(client)
    assert item
    await saw(client, pool, item["post"]["touch"])
    await pool.execute("UPDATE slot_allowance SET ends_at = now() - interval '39 days'")
    await deliver(pool, handlers, PaidSlotsDue(program_id="rice", spend_id="s-1"))
    assert await used(pool) == []
    assert await pool.fetchval("SELECT count(*) FROM slot_impression") == 0
