"""The four services as they are put together: their handlers, routes and settings.

Tools stand above the services and import them openly. A new service needs its line here.
"""

from collections.abc import Mapping
from typing import Final

import lutong_feed.app
import lutong_inventory.app
import lutong_membership.app
import lutong_registry.app
from lutong_chassis import Service
from lutong_contracts import Event, event_types
from lutong_contracts.topics import SERVICES

RUNNING: Final[Mapping[str, Service]] = {
    service.name: service
    for service in (
        lutong_feed.app.service,
        lutong_registry.app.service,
        lutong_membership.app.service,
        lutong_inventory.app.service,
    )
}


def handled() -> dict[type[Event], list[str]]:
    """By event, the services that handle it, in the order of `SERVICES`."""
    if set(RUNNING) != set(SERVICES):
        missing = ", ".join(sorted(set(SERVICES) ^ set(RUNNING)))
        raise LookupError(f"tools/docgen/suite.py and lutong_contracts.topics.SERVICES differ in: {missing}")
    return {
        event: [name for name in SERVICES if event in RUNNING[name].handlers.by_type]
        for event in event_types().values()
    }
