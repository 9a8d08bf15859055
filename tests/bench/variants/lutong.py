"""(a) Lutong as shipped: services of the chassis, all guarantees on, JSON logs at INFO, metrics on.

Killed anywhere, it loses nothing, doubles nothing, keeps the order of each key, and sets poison aside.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lutong_chassis import Handlers, Outgoing, Received, Service, Tx, routes
from lutong_contracts import Event, Topic
from lutong_contracts.values import Identifier
from tests.bench import chain

SUFFIX = os.environ.get("BENCH", "default")
KEY = os.environ.get("BENCH_KEY", "order_id")
PLACED = Topic(f"lutong.bench.placed-{SUFFIX}", key="member")
HELD = Topic(f"lutong.bench.held-{SUFFIX}", key="order")
RESERVED = Topic(f"lutong.bench.reserved-{SUFFIX}", key="order")
CAPTURED = Topic(f"lutong.bench.captured-{SUFFIX}", key="order")


class OrderPlaced(Event, topic=PLACED, key=KEY):
    """A member ordered."""

    order_id: Identifier
    member_id: Identifier
    sku: Identifier
    units: int
    amount_minor: int
    placed_at: float


class CreditHeld(Event, topic=HELD, key=KEY):
    """Credit is held for an order."""

    order_id: Identifier
    member_id: Identifier
    sku: Identifier
    units: int
    amount_minor: int
    placed_at: float


class StockReserved(Event, topic=RESERVED, key=KEY):
    """Stock is reserved for an order."""

    order_id: Identifier
    member_id: Identifier
    sku: Identifier
    units: int
    amount_minor: int
    placed_at: float


class CreditCaptured(Event, topic=CAPTURED, key=KEY):
    """What was held for an order is owed."""

    order_id: Identifier
    member_id: Identifier
    sku: Identifier
    units: int
    amount_minor: int
    placed_at: float


credit, stock = Handlers(), Handlers()


def _causes(batch: Sequence[Received[Any]], orders: Sequence[Any], event: type[Event]) -> list[Outgoing]:
    causes = {received.event.order_id: received for received in batch}
    return [causes[order.order_id].causes(event(**vars(order))) for order in orders]


@credit.on(OrderPlaced)
async def hold(batch: Sequence[Received[OrderPlaced]], tx: Tx) -> list[Outgoing]:
    """Hold credit for orders."""
    return _causes(batch, await chain.hold(tx, [received.event for received in batch]), CreditHeld)


@stock.on(CreditHeld)
async def reserve(batch: Sequence[Received[CreditHeld]], tx: Tx) -> list[Outgoing]:
    """Reserve stock for orders."""
    return _causes(batch, await chain.reserve(tx, [received.event for received in batch]), StockReserved)


@credit.on(StockReserved)
async def capture(batch: Sequence[Received[StockReserved]], tx: Tx) -> list[Outgoing]:
    """Capture what is held for orders."""
    return _causes(batch, await chain.capture(tx, [received.event for received in batch]), CreditCaptured)


NOTHING = Path(__file__).parent / "no_migrations"

if __name__ == "__main__":
    name = sys.argv[1]
    handlers = {"credit": credit, "stock": stock}[name]
    Service(f"bench-{name}-{SUFFIX}", handlers=handlers, routes=routes(), migrations=NOTHING).run([])
