"""Entities as events: what other services need to know of a merchant, an account or a location.

The owner publishes an entity on a compacted topic (`Topic.compacted`), keyed by its id, whenever it changes. Kafka keeps the
last event of each key, so a new consumer reads the topic once and has them all. What follows from that:

- Each event carries the whole entity, and all types on one topic have the same fields: the one before may be gone.
- A consumer handles each type in the same way, save what it does besides: the first that it sees may be a change.
- The last event of an entity states that it has ended. Nothing is ever deleted from the topic.
- `revision` decides which of two is newer, not the order of arrival: a topic may be read again from its beginning, and
  `lutong publish-entities` publishes all of them again.
"""

from pydantic import Field

from lutong_contracts.values import Value


class Entity(Value):
    """The whole of an entity as its owner knew it at this revision. Subclass it once per entity with what it has.

    >>> class MerchantFacts(Entity): ...
    >>> class MerchantChanged(MerchantFacts, Event, topic=MERCHANTS, key="merchant_id"): ...
    """

    revision: int = Field(ge=1, description="1, 2, 3, …: grows with each change. Keep what has the highest.")
