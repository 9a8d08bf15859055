"""Parts of an order that their location cannot serve go elsewhere, each alone, and never back."""

import httpx

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, bearer, deliver
from lutong_contracts.inventory import (
    AcceptanceLapsed,
    FlagshipOffered,
    LocationDeclined,
    OfferLapsed,
    OrderCancelled,
    OrderFulfilled,
    PartCancelled,
    PartFulfilled,
)
from lutong_inventory.handlers import handlers
from tests.integration.inventory.parts import RULES, a_split, go, latest, order
from tests.integration.inventory.shop import names, stock, summary


async def test_a_part_that_is_declined_goes_elsewhere_alone(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_split(client, pool, flagship_cup=2)
    declined = await client.post("/v1/orders/o-1.2/declines", json={"location_id": "far", "reason": "damaged"})
    assert declined.status_code == 202
    published = await deliver(pool, handlers, await latest(pool, LocationDeclined))
    (offered,) = (event for event in published if isinstance(event, FlagshipOffered))
    assert (offered.order_id, offered.fulfilment_id, offered.location_id) == ("o-1", "o-1.2", "flagship")
    yes = await client.post(
        "/v1/orders/o-1.2/consent", json={"member_id": "m-1", "accepts": True}, headers=bearer(a_member("m-1"))
    )
    assert yes.status_code == 200
    assert [part["location_id"] for part in (await order(client))["fulfilments"]] == ["near", "flagship"]  # type: ignore[attr-defined]  # JSON
    await summary(client)


async def test_an_order_names_the_stores_of_its_parts(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_split(client, pool)
    found = await order(client)
    assert [part["location_name"] for part in found["fulfilments"]] == ["Shop near", "Shop far"]  # type: ignore[attr-defined]  # JSON
    assert found["location_name"] is None


async def test_a_whole_order_that_is_declined_may_be_split(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_split(client, pool, near_cup=2, far_tea=0, flagship_tea=1)
    assert [part["location_id"] for part in (await order(client))["fulfilments"]] == ["near"]  # type: ignore[attr-defined]  # JSON
    declined = LocationDeclined(order_id="o-1", merchant_id="shop", location_id="near", reason="damaged", skus=("tea",))
    published = await deliver(pool, handlers, declined)
    assert not [event for event in published if isinstance(event, OrderCancelled)]
    found = await order(client)
    assert [(part["fulfilment_id"], part["location_id"], part["state"]) for part in found["fulfilments"]] == [  # type: ignore[attr-defined]  # JSON
        ("o-1", "far", "sourced"),
        ("o-1.2", "flagship", "offered"),
    ]
    aside = await pool.fetch("SELECT order_id, sku, units, state FROM reservation ORDER BY order_id")
    assert [tuple(row) for row in aside] == [("o-1", "cup", 2, "open"), ("o-1.2", "tea", 1, "open")]
    hops = await pool.fetch("SELECT order_id, hop FROM sourcing_decision ORDER BY order_id, hop")
    assert [tuple(row) for row in hops] == [("o-1", 1), ("o-1", 2), ("o-1.2", 1)]
    await summary(client)


async def test_no_part_goes_back_to_who_had_the_whole_order(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_split(client, pool, near_cup=2, flagship_tea=1)
    await deliver(
        pool, handlers, LocationDeclined(order_id="o-1", merchant_id="shop", location_id="near", reason="damaged")
    )
    await stock(client, near_tea=9, near_cup=9)
    lost = LocationDeclined(
        order_id="o-1", fulfilment_id="o-1", merchant_id="shop", location_id="far", reason="damaged"
    )
    other = LocationDeclined(
        order_id="o-1", fulfilment_id="o-1.2", merchant_id="shop", location_id="flagship", reason="damaged"
    )
    dropped = [e for e in await deliver(pool, handlers, lost, other) if isinstance(e, PartCancelled)]
    assert sorted(each.fulfilment_id for each in dropped) == ["o-1", "o-1.2"]
    assert (await order(client))["state"] == "cancelled"
    await summary(client)


async def test_a_part_that_was_split_off_goes_on_from_its_first_decision(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_split(client, pool, near_cup=2, far_tea=0, flagship_tea=1)
    await client.put(RULES, json={"parts_max": 3})
    declined = LocationDeclined(order_id="o-1", merchant_id="shop", location_id="near", reason="rush_hour")
    await deliver(pool, handlers, declined)
    await stock(client, flagship_cup=2)
    lost = LocationDeclined(
        order_id="o-1", fulfilment_id="o-1", merchant_id="shop", location_id="far", reason="damaged"
    )
    await deliver(pool, handlers, lost)
    hops = await pool.fetch("SELECT hop, location_id FROM sourcing_decision WHERE order_id = 'o-1' ORDER BY hop")
    assert [(row["hop"], row["location_id"].rpartition(":")[2]) for row in hops] == [
        (1, "near"), (2, "far"), (3, "flagship"),
    ]  # fmt: skip
    await summary(client)


async def test_an_order_is_short_picked_when_nobody_else_has_a_part(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_split(client, pool)
    declined = LocationDeclined(
        order_id="o-1", fulfilment_id="o-1.2", merchant_id="shop", location_id="far", reason="sold_out"
    )
    (dropped,) = (e for e in await deliver(pool, handlers, declined) if isinstance(e, PartCancelled))
    assert (dropped.fulfilment_id, dropped.reason, dropped.amount.amount_minor) == ("o-1.2", "sold_out", 67)
    await go(client, "o-1", "near")
    whole = await latest(pool, OrderFulfilled)
    assert whole.listed is not None
    assert (whole.amount.amount_minor, whole.listed.amount_minor) == (33, 100)
    assert (await order(client))["state"] == "fulfilled"


async def test_a_deadline_of_one_part_is_not_that_of_another(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_split(client, pool)
    lapsed = AcceptanceLapsed(order_id="o-1", fulfilment_id="o-1.2", location_id="far")
    assert "PartCancelled" in names(await deliver(pool, handlers, lapsed))
    older = AcceptanceLapsed(
        order_id="o-1", location_id="far"
    )  # of a release without parts: the far store has no such order
    assert await deliver(pool, handlers, older, OfferLapsed(order_id="o-1")) == []
    assert [part["state"] for part in (await order(client))["fulfilments"]] == ["sourced", "cancelled"]  # type: ignore[attr-defined]  # JSON


async def test_a_short_count_sends_the_part_that_it_breaks(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_split(client, pool)
    await stock(client, far_cup=1)
    declined = await latest(pool, LocationDeclined)
    assert (declined.order_id, declined.fulfilment_id, declined.reason) == ("o-1", "o-1.2", "short")
    ended = await deliver(pool, handlers, declined)
    assert "PartCancelled" in names(ended)
    assert not any(isinstance(event, PartFulfilled) for event in ended)
    await summary(client)
