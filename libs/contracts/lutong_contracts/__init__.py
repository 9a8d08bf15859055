"""What travels between Lutong's services: events, the topics they ride on, and their schemas.

One module per owning service, and one per subject of a service that has many: only the owner publishes the events in a module; any
service may consume them.
"""

from lutong_contracts import (
    feed,
    hosts,
    inventory,
    life_accounts,
    light_stores,
    membership,
    promotions,
    registry,
    timelines,
    traffic,
)
from lutong_contracts.event import Event, UnknownEventTypeError, event_class, event_types
from lutong_contracts.topics import TOPICS, Topic
from lutong_contracts.values import Identifier, Line, Money, Place, Text

__all__ = [
    "TOPICS",
    "Event",
    "Identifier",
    "Line",
    "Money",
    "Place",
    "Text",
    "Topic",
    "UnknownEventTypeError",
    "event_class",
    "event_types",
    "feed",
    "hosts",
    "inventory",
    "life_accounts",
    "light_stores",
    "membership",
    "promotions",
    "registry",
    "timelines",
    "traffic",
]
