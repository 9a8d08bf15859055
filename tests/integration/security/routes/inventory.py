"""Routes of inventory: locations, stock and orders."""

from datetime import UTC, datetime, timedelta
from typing import Final

from lutong_chassis.testing import (
    a_member,
    bearer,
)
from lutong_contracts.inventory import LocationDeclined
from lutong_contracts.topics import LOCATIONS
from tests.integration.security.callers import (
    ACME,
    ANN,
    ANYBODY,
    DONE_BY_ITS_MEMBER,
    DONE_BY_ITS_MERCHANT,
    DONE_BY_OPERATORS,
    DONE_BY_THE_MEMBER,
    READ_BY_ITS_MERCHANT,
    READ_BY_ITS_PARTIES,
)
from tests.integration.security.routes.operations import OPERATIONS, entities_of
from tests.integration.security.world import Ask, Asked, Matrix, World, fixed
from tests.support.builders import a_hold

_NEAR: Final = {"merchant_id": ACME, "kind": "store", "name": "near", "latitude": 31.24, "longitude": 121.48}


_A_DELIVERY: Final = {"location_id": "near", "sku": "tea", "kind": "received", "units": 1}
_WHERE: Final = "latitude=31.23&longitude=121.47"
_A_WISH: Final = {"merchant_id": ACME, "sku": "tea", "latitude": 31.23, "longitude": 121.47}
_TRIAL: Final = f"{_WHERE}&line=tea:1"
_CORNERS: Final = [{"latitude": y, "longitude": x} for y, x in ((31, 121), (31, 122), (32, 122))]
_A_SLOT: Final = {
    "day": str((datetime.now(UTC) + timedelta(days=3)).date()), "opens": "10:00", "closes": "12:00", "capacity": 1_000,
}  # fmt: skip
_A_PLACE: Final = {"member_id": ANN, "destination": {"latitude": 31.23, "longitude": 121.47}}
_NO_TIME: Final = {"starts_at": "2090-01-01T00:00:00Z", "reason": "closes_early"}


_TURNOVER: Final = {"days": [{"location_id": "near", "day": "2026-01-05", "amount_minor": 100}]}
_HOME: Final = {"name": "Ann", "phone": "+86 138 0013 8000", "text": "人民大道 200 号"}


async def an_inventory(world: World) -> None:
    """A store of acme's with tea in it."""
    await world.ask("PUT", "/v1/locations/near", _NEAR)
    await world.ask("PUT", "/v1/locations/near/stock/tea", {"on_hand": 1_000})


async def _a_closure(world: World) -> Asked:
    location_id = world.fresh("store")
    await world.ask("PUT", f"/v1/locations/{location_id}", _NEAR)
    return Asked(f"/v1/locations/{location_id}/closure", {"reason": "lease_ended"}, location_id)


async def _order(world: World) -> str:
    """An order of ann's that is sourced from the store."""
    order_id = world.fresh("order")
    await world.consume(a_hold(order_id, merchant_id=ACME).model_copy(update={"member_id": ANN}))
    return order_id


def _of_an_order(path: str, body: object = None) -> Ask:
    async def ask(world: World) -> Asked:
        order_id = await _order(world)
        return Asked(f"/v1/orders/{order_id}{path}", body, order_id)

    return ask


async def _ready(world: World) -> str:
    """An order of ann's that is ready for her to pick up."""
    order_id = world.fresh("order")
    await world.consume(a_hold(order_id, merchant_id=ACME).model_copy(update={"member_id": ANN, "mode": "pickup"}))
    for step in ("accepted", "picked", "ready_for_pickup"):
        await world.ask("POST", f"/v1/orders/{order_id}/steps", {"step": step, "location_id": "near"})
    return order_id


async def _code(world: World) -> Asked:
    order_id = await _ready(world)
    return Asked(f"/v1/orders/{order_id}/pickup-code", about=order_id)


async def _collect(world: World) -> Asked:
    order_id = await _ready(world)
    answer = await world.admin.post(f"/v1/orders/{order_id}/pickup-code", headers=bearer(a_member(ANN)))
    body = {"location_id": "near", "code": answer.json()["code"]}
    return Asked(f"/v1/orders/{order_id}/collection", body, order_id)


async def _slot(world: World) -> str:
    """A slot of the store, some days from now. What ann held before is over, so that she may hold another place."""
    await world.pool.execute("UPDATE slot_hold SET expires_at = now() WHERE member_id = $1", ANN)
    await world.ask("POST", f"/v1/locations/near/slots?merchant_id={ACME}", {"slots": [_A_SLOT]})
    found = await world.ask("GET", f"/v1/locations/near/slots?merchant_id={ACME}&day={_A_SLOT['day']}")
    return str(found[0]["slot_id"])


async def _place(world: World) -> str:
    """A place in a slot that ann holds."""
    held = await world.ask("POST", f"/v1/slots/{await _slot(world)}/holds", _A_PLACE)
    return str(held["hold_id"])


async def _hold(world: World) -> Asked:
    return Asked(f"/v1/slots/{await _slot(world)}/holds", _A_PLACE, ANN)


async def _given_back(world: World) -> Asked:
    return Asked(f"/v1/slot-holds/{await _place(world)}/release", {"member_id": ANN}, ANN)


async def _offered(world: World) -> Asked:
    """An order of ann's that only the flagship can serve."""
    sku = world.fresh("sku")
    site = _NEAR | {"kind": "flagship", "name": "flagship"}
    await world.ask("PUT", "/v1/locations/flagship", site)
    for location in ("near", "flagship"):
        await world.ask("PUT", f"/v1/locations/{location}/stock/{sku}?merchant_id={ACME}", {"on_hand": 9})
    order_id = world.fresh("order")
    await world.consume(a_hold(order_id, (sku, 1), merchant_id=ACME).model_copy(update={"member_id": ANN}))
    declined = LocationDeclined(order_id=order_id, merchant_id=ACME, location_id="near", reason="sold_out")
    await world.consume(declined)
    return Asked(f"/v1/orders/{order_id}/consent", {"member_id": ANN, "accepts": True}, ANN)


async def _rebooked(world: World) -> Asked:
    order_id = world.fresh("order")
    hold = a_hold(order_id, merchant_id=ACME).model_copy(update={"member_id": ANN, "slot_hold_id": await _place(world)})
    await world.consume(hold)
    return Asked(f"/v1/orders/{order_id}/slot", {"member_id": ANN, "hold_id": await _place(world)}, ANN)


async def _transfer(world: World) -> Asked:
    """A transfer from the store to another one."""
    await world.ask("PUT", "/v1/locations/next", _NEAR | {"name": "next"})
    body = {"from_location_id": "near", "to_location_id": "next", "lines": [{"sku": "tea", "units": 1}]}
    return Asked("/v1/transfers", body, ACME)


async def _transferred(world: World) -> Asked:
    made = await world.ask("POST", f"/v1/transfers?merchant_id={ACME}", (await _transfer(world)).body)
    return Asked(f"/v1/transfers/{made['transfer_id']}/steps", {"step": "ready"}, made["transfer_id"])


async def _steps(world: World) -> Asked:
    order_id = await _order(world)
    return Asked("/v1/orders/steps/batch", {"order_ids": [order_id], "step": "accepted"}, order_id)


async def _refund(world: World) -> Asked:
    order_id = await _order(world)
    for step in ("accepted", "picked", "handed_over", "fulfilled"):
        await world.ask("POST", f"/v1/orders/{order_id}/steps", {"step": step, "location_id": "near"})
    body = {"refund_id": world.fresh("refund"), "amount_minor": 1}
    return Asked(f"/v1/orders/{order_id}/refunds", body, order_id)


async def _address(world: World) -> str:
    """An address of ann's. Others than this one are gone: she may have so many."""
    await world.pool.execute("DELETE FROM vault_address WHERE member_id = $1", ANN)
    stored = await world.ask("POST", f"/v1/members/{ANN}/addresses", _HOME)
    return str(stored["address_id"])


async def _erased(world: World) -> Asked:
    return Asked(f"/v1/members/{ANN}/addresses/{await _address(world)}", about=ANN)


async def _looked_at(world: World) -> Asked:
    """An order to ann's address that the store has accepted."""
    order_id, address_id = world.fresh("order"), await _address(world)
    hold = a_hold(order_id, merchant_id=ACME).model_copy(update={"member_id": ANN, "address_id": address_id})
    await world.consume(hold)
    await world.ask("POST", f"/v1/orders/{order_id}/steps", {"step": "accepted", "location_id": "near"})
    return Asked(f"/v1/orders/{order_id}/address", {"location_id": "near", "reason": "courier_booked"}, order_id)


async def _stored(world: World) -> Asked:
    await world.pool.execute("DELETE FROM vault_address WHERE member_id = $1", ANN)
    return Asked(f"/v1/members/{ANN}/addresses", _HOME, ANN)


INVENTORY: Final[Matrix] = (
    OPERATIONS
    | entities_of(LOCATIONS)
    | {
        "PUT /v1/locations/{location_id}": (DONE_BY_ITS_MERCHANT, fixed("/v1/locations/near", _NEAR, ACME)),
        "POST /v1/locations/batch": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/batch", {"locations": [{"location_id": "near", **_NEAR}]}, ACME),
        ),
        "GET /v1/locations/{location_id}": (READ_BY_ITS_MERCHANT, fixed("/v1/locations/near", about="near")),
        "GET /v1/merchants/{merchant_id}/stores/report": (
            READ_BY_ITS_MERCHANT,
            fixed(f"/v1/merchants/{ACME}/stores/report", about=ACME),
        ),
        "GET /v1/merchants/{merchant_id}/sales": (
            READ_BY_ITS_MERCHANT,
            fixed(f"/v1/merchants/{ACME}/sales", about=ACME),
        ),
        "GET /v1/locations/{location_id}/sales": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/sales", about="near"),
        ),
        "POST /v1/turnover/batch": (DONE_BY_ITS_MERCHANT, fixed("/v1/turnover/batch", _TURNOVER, "near")),
        "GET /v1/merchants/{merchant_id}/stores/uplift": (
            READ_BY_ITS_MERCHANT,
            fixed(f"/v1/merchants/{ACME}/stores/uplift", about=ACME),
        ),
        "PUT /v1/merchants/{merchant_id}/sourcing-rules": (
            DONE_BY_ITS_MERCHANT,
            fixed(f"/v1/merchants/{ACME}/sourcing-rules", {"parts_max": 1}, ACME),
        ),
        "GET /v1/merchants/{merchant_id}/sourcing-rules": (
            READ_BY_ITS_MERCHANT,
            fixed(f"/v1/merchants/{ACME}/sourcing-rules", about=ACME),
        ),
        "GET /v1/declines": (READ_BY_ITS_MERCHANT, fixed(f"/v1/declines?merchant_id={ACME}", about=ACME)),
        "GET /v1/locations": (READ_BY_ITS_MERCHANT, fixed(f"/v1/locations?merchant_id={ACME}", about=ACME)),
        "POST /v1/locations/{location_id}/pause": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/pause", {"reason": "rush_hour"}, "near"),
        ),
        "DELETE /v1/locations/{location_id}/pause": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/pause", about="near"),
        ),
        "POST /v1/locations/{location_id}/closure": (
            DONE_BY_ITS_MERCHANT,
            _a_closure,
        ),
        "PUT /v1/locations/{location_id}/stock/{sku}": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/stock/tea", {"on_hand": 1_000}, "near"),
        ),
        "POST /v1/stock/batch": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/stock/batch", {"shelves": [{"location_id": "near", "sku": "tea", "on_hand": 1_000}]}, "near"),
        ),
        "POST /v1/stock/movements": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/stock/movements", {"movements": [_A_DELIVERY]}, "near"),
        ),
        "PUT /v1/locations/{location_id}/stock/{sku}/safety": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/stock/tea/safety", {"units": 2}, "near"),
        ),
        "GET /v1/locations/{location_id}/stock/{sku}/movements": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/stock/tea/movements", about="near"),
        ),
        "PUT /v1/locations/{location_id}/areas/{area}": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/areas/inner", {"corners": _CORNERS}, "near"),
        ),
        "POST /v1/locations/{location_id}/slots": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/slots", {"slots": [_A_SLOT]}, "near"),
        ),
        "GET /v1/locations/{location_id}/slots": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/slots?day=2026-12-01", about="near"),
        ),
        "POST /v1/locations/{location_id}/slots/withdrawals": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/slots/withdrawals", _NO_TIME, "near"),
        ),
        "GET /v1/slots": (ANYBODY, fixed(f"/v1/slots?merchant_id={ACME}&{_WHERE}&day=2026-12-01")),
        "POST /v1/slots/{slot_id}/holds": (DONE_BY_ITS_MEMBER, _hold),
        "POST /v1/slot-holds/{hold_id}/release": (DONE_BY_ITS_MEMBER, _given_back),
        "POST /v1/transfers": (DONE_BY_ITS_MERCHANT, _transfer),
        "POST /v1/transfers/{transfer_id}/steps": (DONE_BY_ITS_MERCHANT, _transferred),
        "GET /v1/locations/{location_id}/transfers": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/transfers", about="near"),
        ),
        "GET /v1/locations/{location_id}/replenishment": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/replenishment", about="near"),
        ),
        "POST /v1/members/{member_id}/addresses": (DONE_BY_ITS_MEMBER, _stored),
        "GET /v1/members/{member_id}/addresses": (
            DONE_BY_THE_MEMBER,
            fixed(f"/v1/members/{ANN}/addresses", about=ANN),
        ),
        "DELETE /v1/members/{member_id}/addresses": (
            DONE_BY_ITS_MEMBER,
            fixed(f"/v1/members/{ANN}/addresses", about=ANN),
        ),
        "DELETE /v1/members/{member_id}/addresses/{address_id}": (DONE_BY_ITS_MEMBER, _erased),
        "POST /v1/orders/{order_id}/address": (DONE_BY_ITS_MERCHANT, _looked_at),
        "POST /v1/vault/rotation": (DONE_BY_OPERATORS, fixed("/v1/vault/rotation")),
        "POST /v1/orders/{order_id}/consent": (DONE_BY_ITS_MEMBER, _offered),
        "PUT /v1/orders/{order_id}/slot": (DONE_BY_ITS_MEMBER, _rebooked),
        "POST /v1/orders/{order_id}/declines": (
            DONE_BY_ITS_MERCHANT,
            _of_an_order("/declines", {"location_id": "near", "reason": "sold_out"}),
        ),
        "POST /v1/orders/{order_id}/pickup-code": (DONE_BY_THE_MEMBER, _code),
        "POST /v1/orders/{order_id}/collection": (DONE_BY_ITS_MERCHANT, _collect),
        "GET /v1/orders/{order_id}/explain": (READ_BY_ITS_MERCHANT, _of_an_order("/explain")),
        "POST /v1/availability": (ANYBODY, fixed("/v1/availability", {"wanted": [_A_WISH]})),
        "GET /v1/sourcing/trial": (
            READ_BY_ITS_MERCHANT,
            fixed(f"/v1/sourcing/trial?merchant_id={ACME}&{_TRIAL}", about=ACME),
        ),
        "POST /v1/orders/{order_id}/steps": (
            DONE_BY_ITS_MERCHANT,
            _of_an_order("/steps", {"step": "accepted", "location_id": "near"}),
        ),
        "POST /v1/orders/steps/batch": (DONE_BY_ITS_MERCHANT, _steps),
        "POST /v1/orders/{order_id}/cancellation": (DONE_BY_ITS_MERCHANT, _of_an_order("/cancellation", {})),
        "POST /v1/orders/{order_id}/refunds": (DONE_BY_ITS_MERCHANT, _refund),
        "GET /v1/orders/{order_id}": (READ_BY_ITS_PARTIES, _of_an_order("")),
        "GET /v1/locations/{location_id}/orders": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/orders", about="near"),
        ),
        "GET /v1/locations/{location_id}/stock": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/stock", about="near"),
        ),
    }
)
