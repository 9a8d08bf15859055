"""Membership, put together."""

from pathlib import Path

from lutong_chassis import Service
from lutong_membership.errands import errands
from lutong_membership.handlers import handlers
from lutong_membership.http import router

service = Service(
    "membership",
    handlers=handlers,
    routes=router,
    migrations=Path(__file__).parent / "migrations",
    errands=errands,
)

if __name__ == "__main__":
    service.run()
