"""Routes of inventory: locations, stock and orders."""

from typing import Final

from tests.integration.security.callers import ACME, ANN, DONE_BY_ITS_MERCHANT, READ_BY_ITS_PARTIES
from tests.integration.security.routes.operations import OPERATIONS
from tests.integration.security.world import Ask, Asked, Matrix, World, fixed
from tests.support.builders import a_hold

_NEAR: Final = {"merchant_id": ACME, "kind": "store", "name": "near", "latitude": 31.24, "longitude": 121.48}


async def an_inventory(world: World) -> None:
    """A store of acme's with tea in it."""
    await world.ask("PUT", "/v1/locations/near", _NEAR)
    await world.ask("PUT", "/v1/locations/near/stock/tea", {"on_hand": 1_000})


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


async def _steps(world: World) -> Asked:
    order_id = await _order(world)
    return Asked("/v1/orders/steps/batch", {"order_ids": [order_id], "step": "accepted"}, order_id)


async def _refund(world: World) -> Asked:
    order_id = await _order(world)
    for step in ("accepted", "picked", "handed_over", "fulfilled"):
        await world.ask("POST", f"/v1/orders/{order_id}/steps", {"step": step, "location_id": "near"})
    body = {"refund_id": world.fresh("refund"), "amount_minor": 1}
    return Asked(f"/v1/orders/{order_id}/refunds", body, order_id)


INVENTORY: Final[Matrix] = OPERATIONS | {
    "PUT /v1/locations/{location_id}": (DONE_BY_ITS_MERCHANT, fixed("/v1/locations/near", _NEAR, ACME)),
    "POST /v1/locations/batch": (
        DONE_BY_ITS_MERCHANT,
        fixed("/v1/locations/batch", {"locations": [{"location_id": "near", **_NEAR}]}, ACME),
    ),
    "PUT /v1/locations/{location_id}/stock/{sku}": (
        DONE_BY_ITS_MERCHANT,
        fixed("/v1/locations/near/stock/tea", {"on_hand": 1_000}, "near"),
    ),
    "POST /v1/stock/batch": (
        DONE_BY_ITS_MERCHANT,
        fixed("/v1/stock/batch", {"shelves": [{"location_id": "near", "sku": "tea", "on_hand": 1_000}]}, "near"),
    ),
    "POST /v1/orders/{order_id}/steps": (
        DONE_BY_ITS_MERCHANT,
        _of_an_order("/steps", {"step": "accepted", "location_id": "near"}),
    ),
    "POST /v1/orders/steps/batch": (DONE_BY_ITS_MERCHANT, _steps),
    "POST /v1/orders/{order_id}/cancellation": (DONE_BY_ITS_MERCHANT, _of_an_order("/cancellation", {})),
    "POST /v1/orders/{order_id}/refunds": (DONE_BY_ITS_MERCHANT, _refund),
    "GET /v1/orders/{order_id}": (READ_BY_ITS_PARTIES, _of_an_order("")),
    "GET /v1/locations/{location_id}/orders": (DONE_BY_ITS_MERCHANT, fixed("/v1/locations/near/orders", about="near")),
    "GET /v1/locations/{location_id}/stock": (DONE_BY_ITS_MERCHANT, fixed("/v1/locations/near/stock", about="near")),
}
