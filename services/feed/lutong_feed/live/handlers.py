"""Places and shelves, as inventory publishes them: each is one row here, and all cards that lead there show it when they are read next."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.inventory import (
    LocationChanged,
    LocationClosed,
    LocationOpened,
    LocationPaused,
    StockBandChanged,
    StockDepleted,
    StockRestored,
)
from lutong_feed.live import store
from lutong_feed.live.store import BandRow

handlers = Handlers()


@handlers.on(LocationOpened)
async def show_opened_places(batch: Sequence[Received[LocationOpened]], tx: Tx) -> list[Outgoing]:
    """A place is new, or open again. Each event has the whole of it: the first one that comes may also be a later one."""
    await store.keep_places(tx, [store.row_of(received.event) for received in batch])
    return []


@handlers.on(LocationChanged)
async def show_changed_places(batch: Sequence[Received[LocationChanged]], tx: Tx) -> list[Outgoing]:
    """A place is elsewhere, or serves in other ways."""
    await store.keep_places(tx, [store.row_of(received.event) for received in batch])
    return []


@handlers.on(LocationPaused)
async def show_paused_places(batch: Sequence[Received[LocationPaused]], tx: Tx) -> list[Outgoing]:
    """A place takes no orders for a while: cards show what there is instead."""
    await store.keep_places(tx, [store.row_of(received.event) for received in batch])
    return []


@handlers.on(LocationClosed)
async def show_closed_places(batch: Sequence[Received[LocationClosed]], tx: Tx) -> list[Outgoing]:
    """A place is closed for good."""
    await store.keep_places(tx, [store.row_of(received.event) for received in batch])
    return []


@handlers.on(StockDepleted)
async def show_empty_shelves(batch: Sequence[Received[StockDepleted]], tx: Tx) -> list[Outgoing]:
    """Nothing is left on shelves."""
    events = [received.event for received in batch]
    await store.keep_bands(
        tx, [BandRow(e.merchant_id, e.location_id, e.sku, "out_of_stock") for e in events if e.merchant_id]
    )
    return []


@handlers.on(StockRestored)
async def show_filled_shelves(batch: Sequence[Received[StockRestored]], tx: Tx) -> list[Outgoing]:
    """Something is there again; how much, older events do not state."""
    events = [received.event for received in batch]
    await store.keep_bands(
        tx,
        [
            BandRow(e.merchant_id, e.location_id, e.sku, e.band or "limited_availability")
            for e in events
            if e.merchant_id
        ],
    )
    return []


@handlers.on(StockBandChanged)
async def show_other_bands(batch: Sequence[Received[StockBandChanged]], tx: Tx) -> list[Outgoing]:
    """Few are left, or enough again."""
    events = [received.event for received in batch]
    await store.keep_bands(tx, [BandRow(e.merchant_id, e.location_id, e.sku, e.band) for e in events])
    return []
