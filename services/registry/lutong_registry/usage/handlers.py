"""How services are used: each use is counted once."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.feed import CardTapped, ServiceSolved
from lutong_contracts.inventory import OrderFulfilled
from lutong_registry.usage import store

handlers = Handlers()


@handlers.on(CardTapped)
async def count_opened(batch: Sequence[Received[CardTapped]], tx: Tx) -> list[Outgoing]:
    """A viewer opened a program: count it."""
    await store.count_usage(tx, batch, "opened")
    return []


@handlers.on(ServiceSolved)
async def count_solved(batch: Sequence[Received[ServiceSolved]], tx: Tx) -> list[Outgoing]:
    """A viewer got something done in a program: count it."""
    await store.count_usage(tx, batch, "solved")
    return []


@handlers.on(OrderFulfilled)
async def count_fulfilled(batch: Sequence[Received[OrderFulfilled]], tx: Tx) -> list[Outgoing]:
    """An order from a program reached its member: count it."""
    await store.count_usage(tx, batch, "fulfilled")
    return []
