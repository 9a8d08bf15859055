"""Publishing all entities of a topic again, page by page: for a suite that is older than the topic, or a lost topic.

Each is published with the revision that it has, so a consumer that has it changes nothing.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

from lutong_chassis.database import Tx
from lutong_contracts import Event, Topic

PAGE: Final = 1_000
"""How many entities one transaction publishes."""

EntitiesAfter = Callable[[Tx, str, int], Awaitable[Sequence[Event]]]
"""Returns the next entities behind a key as events, ordered by key and locked until commit; at most a number of them."""

Entities = Mapping[Topic, EntitiesAfter]
"""By topic, the function that reads its entities, in the service that owns it."""


class Published(NamedTuple):
    """How many entities a page had, and the key to continue behind; None after the last page."""

    entities: int
    after: str | None


async def publish_page(tx: Tx, entities_after: EntitiesAfter, after: str) -> Published:
    """Publish the page of entities behind a key."""
    found = await entities_after(tx, after, PAGE)
    tx.publish(*found)
    return Published(len(found), found[-1].key if len(found) == PAGE else None)
