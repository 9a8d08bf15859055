"""Where merchants are, as inventory publishes it on its compacted topic: their light stores follow."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.inventory import LocationChanged, LocationClosed, LocationOpened, LocationPaused
from lutong_registry.light_stores import places
from lutong_registry.light_stores.store.stores import PlaceKey
from lutong_registry.merchants import store as merchant_store

handlers = Handlers()

Known = Sequence[
    Received[LocationOpened] | Received[LocationChanged] | Received[LocationPaused] | Received[LocationClosed]
]


@handlers.on(LocationOpened)
async def know_opened_places(batch: Sequence[Received[LocationOpened]], tx: Tx) -> list[Outgoing]:
    """A location is new, or open again. Each event has the whole of it: the first one that comes may also be a later one."""
    return await _follow(batch, tx)


@handlers.on(LocationChanged)
async def know_changed_places(batch: Sequence[Received[LocationChanged]], tx: Tx) -> list[Outgoing]:
    """A location is elsewhere, or serves in other ways."""
    return await _follow(batch, tx)


@handlers.on(LocationPaused)
async def know_paused_places(batch: Sequence[Received[LocationPaused]], tx: Tx) -> list[Outgoing]:
    """A location takes no orders for a while: its light store is off until it does."""
    return await _follow(batch, tx)


@handlers.on(LocationClosed)
async def know_closed_places(batch: Sequence[Received[LocationClosed]], tx: Tx) -> list[Outgoing]:
    """A location is closed for good, and so is its light store."""
    return await _follow(batch, tx)


async def _follow(batch: Known, tx: Tx) -> list[Outgoing]:
    """Take places in; gives what becomes of their light stores, on the journey of the last event of the batch."""
    await merchant_store.take_places(tx, [received.event for received in batch])
    events = await places.follow(tx, (PlaceKey(r.event.merchant_id, r.event.location_id) for r in batch))
    return [batch[-1].causes(event) for event in events]
