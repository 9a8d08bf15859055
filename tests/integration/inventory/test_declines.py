"""Stores decline orders on a real PostgreSQL: the books follow the reason, and the store is asked later for a while."""

from typing import Any, NamedTuple

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, bearer, deliver
from lutong_contracts import Event
from lutong_contracts.inventory import AcceptanceLapsed, FlagshipOffered, LocationDeclined, OfferLapsed, OrderSourced
from lutong_inventory.handlers import handlers
from tests.integration.inventory.shop import names, shelf, step, stock, summary
from tests.support.builders import a_hold


async def decline(client: httpx.AsyncClient, pool: Pool, reason: str, *skus: str, order: str = "o-1") -> list[str]:
    """Have the store decline, and the event arrive twice; gives what follows."""
    body: dict[str, Any] = {"location_id": "near", "reason": reason, "skus": list(skus)}
    answer = await client.post(f"/v1/orders/{order}/declines", json=body)
    assert answer.status_code == 202, answer.text
    event = LocationDeclined(
        order_id=order, merchant_id="shop", location_id="near", reason=reason, skus=tuple(sorted(set(skus)))
    )
    return names([*await deliver(pool, handlers, event), *await deliver(pool, handlers, event)])


async def shelves(client: httpx.AsyncClient) -> dict[str, tuple[int, int, int]]:
    rows = (await client.get("/v1/locations/near/stock")).json()
    return {row["sku"]: (row["on_hand"], row["reserved"], row["unavailable"]) for row in rows}


class Case(NamedTuple):
    """A decline, and what it makes of the store: tea and cup as on hand, reserved and unavailable."""

    reason: str
    skus: tuple[str, ...]
    tea: tuple[int, int, int]
    cup: tuple[int, int, int]
    state: str = "open"


@pytest.mark.parametrize(
    "case",
    [
        Case("sold_out", ("tea",), (1, 1, 0), (9, 0, 0)),
        Case("sold_out", (), (9, 1, 2), (9, 0, 1)),
        Case("damaged", ("tea",), (9, 1, 2), (9, 0, 0)),
        Case("rush_hour", (), (9, 1, 0), (9, 0, 0), "paused"),
        Case("closed", (), (9, 1, 0), (9, 0, 0), "paused"),
    ],
    ids=lambda case: f"{case.reason} {case.skus}",
)
async def test_the_shelf_follows_the_reason_of_a_decline(case: Case, client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=9, near_cup=9, far_tea=9, far_cup=9)
    await deliver(pool, handlers, a_hold("o-1", ("tea", 2), ("cup", 1)), a_hold("o-2", ("tea", 1)))
    published = await decline(client, pool, case.reason, *case.skus)
    assert await shelves(client) == {"tea": case.tea, "cup": case.cup}
    assert published.count("OrderSourced") == 1
    assert ("StockDepleted" in published) == (case.skus == ("tea",) and case.reason == "sold_out")
    assert (await client.get("/v1/locations/near")).json()["state"] == case.state
    assert (await client.get("/v1/orders/o-1")).json()["location_id"] == "far"
    assert (await client.get("/v1/orders/o-2")).json()["location_id"] == "near"
    await summary(client)


async def test_a_decline_names_only_what_was_ordered(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=9)
    await deliver(pool, handlers, a_hold())
    body = {"location_id": "near", "reason": "sold_out", "skus": ["cup"]}
    answer = await client.post("/v1/orders/o-1/declines", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:lutong:problem:not_ordered")


async def test_a_store_that_lets_an_order_lie_is_asked_later(client: httpx.AsyncClient, pool: Pool) -> None:
    site = {"merchant_id": "shop", "kind": "store", "name": "next", "latitude": 31.25, "longitude": 121.48}
    assert (await client.put("/v1/locations/next", json=site)).status_code == 200
    await stock(client, near_tea=9, next_tea=9)
    await deliver(pool, handlers, a_hold())
    await deliver(pool, handlers, AcceptanceLapsed(order_id="o-1", location_id="near"))
    published = await deliver(pool, handlers, a_hold("o-2"))
    assert [event.location_id for event in published if isinstance(event, OrderSourced)] == ["next"]
    await pool.execute(
        "UPDATE location SET lowered_until = now() - interval '1 second' WHERE lowered_until IS NOT NULL"
    )
    published = await deliver(pool, handlers, a_hold("o-3"))
    assert [event.location_id for event in published if isinstance(event, OrderSourced)] == ["near"]


async def short_of_all_but_the_flagship(client: httpx.AsyncClient, pool: Pool, *, agreed: bool = False) -> list[Event]:
    """An order of the near store, which has sold out; only the flagship has more."""
    await stock(client, near_tea=1, flagship_tea=3)
    await deliver(pool, handlers, a_hold().model_copy(update={"flagship_ok": agreed}))
    event = LocationDeclined(order_id="o-1", merchant_id="shop", location_id="near", reason="sold_out")
    return await deliver(pool, handlers, event)


async def consent(client: httpx.AsyncClient, *, accepts: bool, member: str = "m-1") -> httpx.Response:
    body = {"member_id": member, "accepts": accepts}
    return await client.post("/v1/orders/o-1/consent", json=body, headers=bearer(a_member(member)))


async def test_a_short_store_has_the_member_asked_for_the_flagship(client: httpx.AsyncClient, pool: Pool) -> None:
    published = await short_of_all_but_the_flagship(client, pool)
    (offer,) = [event for event in published if isinstance(event, FlagshipOffered)]
    assert "OrderSourced" not in names(published)
    assert "OfferLapsed" in names(published)
    assert (offer.location_id, offer.price_delta.amount_minor, offer.reason) == ("flagship", 0, "sold_out")
    assert offer.eta_delta_s > 86_400
    assert await shelf(client, "flagship") == (3, 1)
    order = (await client.get("/v1/orders/o-1")).json()
    assert (order["state"], order["location_id"]) == ("offered", "flagship")
    early = await step(client, "accepted", location="flagship")
    assert early.status_code == 409
    assert (await consent(client, accepts=True, member="m-2")).status_code == 404
    agreed = await consent(client, accepts=True)
    assert (agreed.status_code, agreed.json()["state"]) == (200, "sourced")
    again = await consent(client, accepts=False)
    assert (again.status_code, again.json()["type"]) == (409, "urn:lutong:problem:no_offer")
    assert await deliver(pool, handlers, OfferLapsed(order_id="o-1")) == []
    assert (await step(client, "accepted", location="flagship")).status_code == 200
    assert await summary(client) == {"accepted": 1}


@pytest.mark.parametrize("answers", [True, False])
async def test_an_offer_that_is_not_wanted_ends_the_order(answers: bool, client: httpx.AsyncClient, pool: Pool) -> None:
    await short_of_all_but_the_flagship(client, pool)
    if answers:
        assert (await consent(client, accepts=False)).json()["state"] == "cancelled"
    else:
        assert names(await deliver(pool, handlers, OfferLapsed(order_id="o-1"))) == ["OrderCancelled"]
    order = (await client.get("/v1/orders/o-1")).json()
    assert order["reason"] == ("offer_declined" if answers else "offer_not_answered")
    assert await shelf(client, "flagship") == (3, 0)
    assert await summary(client) == {"cancelled": 1}


async def test_a_member_who_agreed_beforehand_is_not_asked(client: httpx.AsyncClient, pool: Pool) -> None:
    published = await short_of_all_but_the_flagship(client, pool, agreed=True)
    assert [event.location_id for event in published if isinstance(event, OrderSourced)] == ["flagship"]


async def test_an_offer_is_backed_by_what_the_flagship_has(client: httpx.AsyncClient, pool: Pool) -> None:
    """I10: what is promised to others, or never promised, is not offered."""
    await stock(client, near_tea=2, flagship_tea=1)
    await deliver(pool, handlers, a_hold("o-1"), a_hold("o-2"))
    declined = [
        LocationDeclined(order_id=order, merchant_id="shop", location_id="near", reason="sold_out")
        for order in ("o-1", "o-2")
    ]
    published = await deliver(pool, handlers, *declined)
    assert (names(published).count("FlagshipOffered"), names(published).count("OrderCancelled")) == (1, 1)
    assert await shelf(client, "flagship") == (1, 1)
