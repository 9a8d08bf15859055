"""The registry, put together."""

from pathlib import Path

from lutong_chassis import Service
from lutong_registry.handlers import handlers
from lutong_registry.http import router

service = Service("registry", handlers=handlers, routes=router, migrations=Path(__file__).parent / "migrations")

if __name__ == "__main__":
    service.run()
