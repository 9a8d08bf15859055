"""What travels between Lutong's services: events, the topics they ride on, and their schemas.

One module per owning service: only that service publishes the events in its module; any service may consume them.
"""

from lutong_contracts import feed, inventory, membership, registry, timelines
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
    "inventory",
    "membership",
    "registry",
    "timelines",
]
