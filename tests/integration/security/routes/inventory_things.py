"""What the routes of inventory are asked about: locations, slots, orders and addresses of ann's and acme's."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from lutong_chassis.testing import a_member, bearer
from lutong_contracts.inventory import LocationDeclined
from tests.integration.security.callers import ACME, ANN
from tests.integration.security.world import Ask, Asked, World
from tests.support.builders import a_hold

NEAR: Final = {"merchant_id": ACME, "kind": "store", "name": "near", "latitude": 31.24, "longitude": 121.48}


A_DELIVERY: Final = {"location_id": "near", "sku": "tea", "kind": "received", "units": 1}
WHERE: Final = "latitude=31.23&longitude=121.47"
A_WISH: Final = {"merchant_id": ACME, "sku": "tea", "latitude": 31.23, "longitude": 121.47}
YESTERDAY: Final = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}
TRIAL: Final = f"{WHERE}&line=tea:1"
CORNERS: Final = [{"latitude": y, "longitude": x} for y, x in ((31, 121), (31, 122), (32, 122))]
A_SLOT: Final = {
    "day": str((datetime.now(UTC) + timedelta(days=3)).date()), "opens": "10:00", "closes": "12:00", "capacity": 1_000,
}  # fmt: skip
A_PLACE: Final = {"member_id": ANN, "destination": {"latitude": 31.23, "longitude": 121.47}}
NO_TIME: Final = {"starts_at": "2090-01-01T00:00:00Z", "reason": "closes_early"}


TURNOVER: Final = {"days": [{"location_id": "near", "day": "2026-01-05", "amount_minor": 100}]}
HOME: Final = {"name": "Ann", "phone": "+86 138 0013 8000", "text": "人民大道 200 号"}


async def an_inventory(world: World) -> None:
    """A store of acme's with tea in it."""
    await world.ask("PUT", "/v1/locations/near", NEAR)
    await world.ask("PUT", "/v1/locations/near/stock/tea", {"on_hand": 1_000})


async def a_closure(world: World) -> Asked:
    location_id = world.fresh("store")
    await world.ask("PUT", f"/v1/locations/{location_id}", NEAR)
    return Asked(f"/v1/locations/{location_id}/closure", {"reason": "lease_ended"}, location_id)


async def an_order(world: World) -> str:
    """An order of ann's that is sourced from the store."""
    order_id = world.fresh("order")
    await world.consume(a_hold(order_id, merchant_id=ACME).model_copy(update={"member_id": ANN}))
    return order_id


def of_an_order(path: str, body: object = None) -> Ask:
    async def ask(world: World) -> Asked:
        order_id = await an_order(world)
        return Asked(f"/v1/orders/{order_id}{path}", body, order_id)

    return ask


def of_a_service(path: str, body: Mapping[str, str] | None = None) -> Ask:
    """A service without goods of ann's, which acme is to do; `reference` in a body stands for one of its own."""

    async def ask(world: World) -> Asked:
        order_id = world.fresh("order")
        service = {"member_id": ANN, "provided": True}
        await world.consume(a_hold(order_id, merchant_id=ACME).model_copy(update=service))
        filled = {**body, "reference": order_id} if body and "reference" in body else body
        return Asked(f"/v1/services/{order_id}{path}", filled, order_id)

    return ask


async def a_ready_order(world: World) -> str:
    """An order of ann's that is ready for her to pick up."""
    order_id = world.fresh("order")
    await world.consume(a_hold(order_id, merchant_id=ACME).model_copy(update={"member_id": ANN, "mode": "pickup"}))
    for step in ("accepted", "picked", "ready_for_pickup"):
        await world.ask("POST", f"/v1/orders/{order_id}/steps", {"step": step, "location_id": "near"})
    return order_id


async def a_code(world: World) -> Asked:
    order_id = await a_ready_order(world)
    return Asked(f"/v1/orders/{order_id}/pickup-code", about=order_id)


async def a_collection(world: World) -> Asked:
    order_id = await a_ready_order(world)
    answer = await world.admin.post(f"/v1/orders/{order_id}/pickup-code", headers=bearer(a_member(ANN)))
    body = {"location_id": "near", "code": answer.json()["code"]}
    return Asked(f"/v1/orders/{order_id}/collection", body, order_id)


async def a_slot(world: World) -> str:
    """A slot of the store, some days from now. What ann held before is over, so that she may hold another place."""
    await world.pool.execute("UPDATE slot_hold SET expires_at = now() WHERE member_id = $1", ANN)
    await world.ask("POST", f"/v1/locations/near/slots?merchant_id={ACME}", {"slots": [A_SLOT]})
    found = await world.ask("GET", f"/v1/locations/near/slots?merchant_id={ACME}&day={A_SLOT['day']}")
    return str(found[0]["slot_id"])


async def a_place(world: World) -> str:
    """A place in a slot that ann holds."""
    held = await world.ask("POST", f"/v1/slots/{await a_slot(world)}/holds", A_PLACE)
    return str(held["hold_id"])


async def a_hold_of_a_place(world: World) -> Asked:
    return Asked(f"/v1/slots/{await a_slot(world)}/holds", A_PLACE, ANN)


async def a_place_given_back(world: World) -> Asked:
    return Asked(f"/v1/slot-holds/{await a_place(world)}/release", {"member_id": ANN}, ANN)


async def an_offer(world: World) -> Asked:
    """An order of ann's that only the flagship can serve."""
    sku = world.fresh("sku")
    site = NEAR | {"kind": "flagship", "name": "flagship"}
    await world.ask("PUT", "/v1/locations/flagship", site)
    for location in ("near", "flagship"):
        await world.ask("PUT", f"/v1/locations/{location}/stock/{sku}?merchant_id={ACME}", {"on_hand": 9})
    order_id = world.fresh("order")
    await world.consume(a_hold(order_id, (sku, 1), merchant_id=ACME).model_copy(update={"member_id": ANN}))
    declined = LocationDeclined(order_id=order_id, merchant_id=ACME, location_id="near", reason="sold_out")
    await world.consume(declined)
    return Asked(f"/v1/orders/{order_id}/consent", {"member_id": ANN, "accepts": True}, ANN)


async def a_rebooking(world: World) -> Asked:
    order_id = world.fresh("order")
    hold = a_hold(order_id, merchant_id=ACME).model_copy(
        update={"member_id": ANN, "slot_hold_id": await a_place(world)}
    )
    await world.consume(hold)
    return Asked(f"/v1/orders/{order_id}/slot", {"member_id": ANN, "hold_id": await a_place(world)}, ANN)


async def a_transfer(world: World) -> Asked:
    """A transfer from the store to another one."""
    await world.ask("PUT", "/v1/locations/next", NEAR | {"name": "next"})
    body = {"from_location_id": "near", "to_location_id": "next", "lines": [{"sku": "tea", "units": 1}]}
    return Asked("/v1/transfers", body, ACME)


async def a_step_of_a_transfer(world: World) -> Asked:
    made = await world.ask("POST", f"/v1/transfers?merchant_id={ACME}", (await a_transfer(world)).body)
    return Asked(f"/v1/transfers/{made['transfer_id']}/steps", {"step": "ready"}, made["transfer_id"])


async def steps_of_orders(world: World) -> Asked:
    order_id = await an_order(world)
    return Asked("/v1/orders/steps/batch", {"order_ids": [order_id], "step": "accepted"}, order_id)


async def a_refund(world: World) -> Asked:
    order_id = await an_order(world)
    for step in ("accepted", "picked", "handed_over", "fulfilled"):
        await world.ask("POST", f"/v1/orders/{order_id}/steps", {"step": step, "location_id": "near"})
    body = {"refund_id": world.fresh("refund"), "amount_minor": 1}
    return Asked(f"/v1/orders/{order_id}/refunds", body, order_id)


async def a_service_refund(world: World) -> Asked:
    asked = await of_a_service("/completion", {"reference": "bill-1"})(world)
    await world.ask("POST", asked.path, asked.body)
    body = {"refund_id": world.fresh("refund"), "amount_minor": 1}
    return Asked(f"/v1/services/{asked.about}/refunds", body, asked.about)


async def an_address(world: World) -> str:
    """An address of ann's. Others than this one are gone: she may have so many."""
    await world.pool.execute("DELETE FROM vault_address WHERE member_id = $1", ANN)
    stored = await world.ask("POST", f"/v1/members/{ANN}/addresses", HOME)
    return str(stored["address_id"])


async def an_erasure(world: World) -> Asked:
    return Asked(f"/v1/members/{ANN}/addresses/{await an_address(world)}", about=ANN)


async def a_look_at_an_address(world: World) -> Asked:
    """An order to ann's address that the store has accepted."""
    order_id, address_id = world.fresh("order"), await an_address(world)
    hold = a_hold(order_id, merchant_id=ACME).model_copy(update={"member_id": ANN, "address_id": address_id})
    await world.consume(hold)
    await world.ask("POST", f"/v1/orders/{order_id}/steps", {"step": "accepted", "location_id": "near"})
    return Asked(f"/v1/orders/{order_id}/address", {"location_id": "near", "reason": "courier_booked"}, order_id)


async def a_new_address(world: World) -> Asked:
    await world.pool.execute("DELETE FROM vault_address WHERE member_id = $1", ANN)
    return Asked(f"/v1/members/{ANN}/addresses", HOME, ANN)
