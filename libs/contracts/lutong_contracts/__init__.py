"""What travels between Lutong's services: events, the topics they ride on, and their schemas.

One module per owning service: the service whose name a module bears is the only one that writes
the events in it. Everybody may read them.
"""

from lutong_contracts import feed, inventory, membership, registry
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
]
