"""Holds on a real PostgreSQL: captured, expired or released, once, and no goods are lost."""

import asyncio

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver
from lutong_contracts.membership import GraceEnded, HoldLapsed, SettlementDue
from lutong_membership.handlers import handlers
from lutong_membership.holds.domain.holds import CaptureBeyondHoldError
from tests.integration.membership.story import (
    a_member,
    balanced_summary,
    get,
    names,
    passes,
    tell,
    transfer,
)
from tests.support.builders import a_request, cancelled, fulfilled


async def test_goods_that_come_after_a_hold_expired_are_owed_or_uncovered(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_member(pool, order="o-1", amount_minor=60_000)
    await tell(pool, a_request("o-2", 40_000))
    expired = await deliver(pool, handlers, HoldLapsed(order_id="o-1"), HoldLapsed(order_id="o-2"))
    assert names(expired) == ["HoldExpired", "HoldExpired"]
    await tell(pool, a_request("o-3", 30_000))

    published = await deliver(pool, handlers, fulfilled("o-1", 54_000), fulfilled("o-2", 36_000))
    assert names(published).count("HoldCaptured") == 2
    line = (await get(client, "/v1/members/m-1"))["lines"][0]
    assert (line["owed_minor"], line["uncovered_minor"], line["held_minor"]) == (54_000, 36_000, 27_000)
    assert names(await tell(pool, a_request("o-4", 1))) == ["CreditDeclined"]
    await transfer(client, 90_000)
    line = (await get(client, "/v1/members/m-1"))["lines"][0]
    assert (line["owed_minor"], line["uncovered_minor"]) == (0, 0)
    await balanced_summary(client)


async def test_capture_and_expiry_at_once_end_a_hold_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool)
    orders = [f"o-{n}" for n in range(30)]
    await tell(pool, *[a_request(order, 100) for order in orders])
    both = [(fulfilled(order, 90), HoldLapsed(order_id=order)) for order in orders]
    published = await asyncio.gather(*(deliver(pool, handlers, ending) for pair in both for ending in pair))
    assert [name for events in published for name in names(events)].count("HoldCaptured") == 30
    states = await pool.fetch("SELECT DISTINCT state FROM hold WHERE order_id LIKE 'o-%'")
    assert [row["state"] for row in states] == ["captured"]
    await balanced_summary(client)


async def test_more_delivered_than_was_held_is_set_aside_and_moves_nothing(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await a_member(pool, order="o-1")
    with pytest.raises(CaptureBeyondHoldError):
        await deliver(pool, handlers, fulfilled("o-1", 1_001))
    assert (await get(client, "/v1/holds/o-1"))["state"] == "held"


async def test_part_capture_gives_the_rest_back_in_the_same_transaction(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool, order="o-1")
    captured, *_ = await deliver(pool, handlers, fulfilled("o-1", 600))
    assert (captured.amount.amount_minor, captured.released.amount_minor) == (600, 300)  # type: ignore[attr-defined]  # a HoldCaptured
    line = (await get(client, "/v1/members/m-1"))["lines"][0]
    assert (line["held_minor"], line["owed_minor"]) == (0, 600)
    await balanced_summary(client)


async def test_an_agreement_that_waits_for_an_order_closes_with_it(client: httpx.AsyncClient, pool: Pool) -> None:
    agreement = await a_member(pool, order="o-1")
    await client.post(f"/v1/agreements/{agreement}/quit", json={"accepted_charge_minor": 0})
    await passes(pool, agreement, 3, SettlementDue)
    assert await passes(pool, agreement, 7, GraceEnded) == []
    assert names(await deliver(pool, handlers, cancelled("o-1"))) == ["HoldReleased", "AgreementClosed"]
