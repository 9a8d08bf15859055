"""Inventory, put together."""

from pathlib import Path

from lutong_chassis import Service
from lutong_inventory.handlers import handlers
from lutong_inventory.http import router
from lutong_inventory.settings import InventorySettings

service = Service(
    "inventory",
    handlers=handlers,
    routes=router,
    migrations=Path(__file__).parent / "migrations",
    settings=(InventorySettings,),
)

if __name__ == "__main__":
    service.run()
