"""Entities as events: what somebody must know of a merchant, an account or a place without asking for it.

The owner says an entity on a compacted topic (`Topic.compacted`), keyed by its id, whenever it changes. Kafka keeps the
last event of each key, so whoever is new reads the topic once and knows them all. What follows from that:

- Each event carries the whole entity, and all types on one topic have the same fields: the one before may be gone.
- A consumer handles each type in the same way, save what it does besides: the first that it sees may be a change.
- An entity that ends says so in its last event. Nothing is ever deleted from the topic.
- `revision` decides which of two is newer, not the order of arrival: a topic may be read again from its beginning, and
  `lutong publish-entities` says everything once more.
"""

from pydantic import Field

from lutong_contracts.values import Value


class Entity(Value):
    """The whole of an entity as its owner knew it at this revision. Subclass it once per entity with what it has.

    >>> class MerchantFacts(Entity): ...
    >>> class MerchantChanged(MerchantFacts, Event, topic=MERCHANTS, key="merchant_id"): ...
    """

    revision: int = Field(ge=1, description="1, 2, 3, …: grows with each change. Keep what has the highest.")
