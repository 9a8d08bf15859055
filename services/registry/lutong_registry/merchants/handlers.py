"""What members may join, as membership publishes it on its compacted topic. Where merchants are, light stores follow."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.membership import PlanClosed, PlanPublished
from lutong_registry.merchants import store

handlers = Handlers()


@handlers.on(PlanPublished)
async def know_open_plans(batch: Sequence[Received[PlanPublished]], tx: Tx) -> list[Outgoing]:
    """Members may join a plan in this version."""
    await store.take_plans(tx, [received.event for received in batch])
    return []


@handlers.on(PlanClosed)
async def know_closed_plans(batch: Sequence[Received[PlanClosed]], tx: Tx) -> list[Outgoing]:
    """Nobody may join a plan any more."""
    await store.take_plans(tx, [received.event for received in batch])
    return []
