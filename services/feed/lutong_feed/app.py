"""The feed, put together."""

from pathlib import Path

from lutong_chassis import Service
from lutong_feed.handlers import handlers
from lutong_feed.http import router

service = Service("feed", handlers=handlers, routes=router, migrations=Path(__file__).parent / "migrations")

if __name__ == "__main__":
    service.run()
