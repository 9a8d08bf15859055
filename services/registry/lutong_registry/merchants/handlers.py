"""Where merchants are and what members may join, as inventory and membership publish on their compacted topics."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.inventory import LocationChanged, LocationClosed, LocationOpened, LocationPaused
from lutong_contracts.membership import PlanClosed, PlanPublished
from lutong_registry.merchants import store

handlers = Handlers()


@handlers.on(LocationOpened)
async def know_opened_places(batch: Sequence[Received[LocationOpened]], tx: Tx) -> list[Outgoing]:
    """A location is new. Each event has the whole of it: the first one that comes may also be a later one."""
    await store.take_places(tx, [received.event for received in batch])
    return []


@handlers.on(LocationChanged)
async def know_changed_places(batch: Sequence[Received[LocationChanged]], tx: Tx) -> list[Outgoing]:
    """A location is elsewhere, or serves in other ways."""
    await store.take_places(tx, [received.event for received in batch])
    return []


@handlers.on(LocationPaused)
async def know_paused_places(batch: Sequence[Received[LocationPaused]], tx: Tx) -> list[Outgoing]:
    """A location takes no orders for a while."""
    await store.take_places(tx, [received.event for received in batch])
    return []


@handlers.on(LocationClosed)
async def know_closed_places(batch: Sequence[Received[LocationClosed]], tx: Tx) -> list[Outgoing]:
    """A location is closed for good."""
    await store.take_places(tx, [received.event for received in batch])
    return []


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
