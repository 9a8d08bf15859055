"""Inventory, put together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from prometheus_client import Gauge

from lutong_chassis import Service, Tx
from lutong_contracts import Event
from lutong_contracts.topics import LOCATIONS
from lutong_inventory.handlers import handlers
from lutong_inventory.http import router
from lutong_inventory.locations.domain.location import location_event
from lutong_inventory.locations.store.locations import locations_after
from lutong_inventory.settings import InventorySettings
from lutong_inventory.stock.store.shelves import drift_lately, keep_days

MOVEMENTS_LOOKED_AT: Final = 200
DRIFT: Final = Gauge(
    "lutong_stock_drift_shelves", "Of the shelves that moved last, those that are not the sum of their movements"
)


async def locations(tx: Tx, after: str, limit: int) -> Sequence[Event]:
    """Locations behind a key, to be published once more."""
    return [location_event(location, tx.now) for location in await locations_after(tx, after, limit)]


async def gauges(tx: Tx) -> None:
    """Drift of the shelves that moved last: `lutong verify` looks at all of them."""
    DRIFT.set(await drift_lately(tx, MOVEMENTS_LOOKED_AT))


service = Service(
    "inventory",
    handlers=handlers,
    routes=router,
    migrations=Path(__file__).parent / "migrations",
    settings=(InventorySettings,),
    entities={LOCATIONS: locations},
    gauges=gauges,
    housekeeping=keep_days,
)

if __name__ == "__main__":
    service.run()
