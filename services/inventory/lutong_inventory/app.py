"""Inventory, put together."""

from pathlib import Path

from lutong_chassis import Service
from lutong_inventory.handlers import handlers
from lutong_inventory.http import router

service = Service("inventory", handlers=handlers, routes=router, migrations=Path(__file__).parent / "migrations")

if __name__ == "__main__":
    service.run()
