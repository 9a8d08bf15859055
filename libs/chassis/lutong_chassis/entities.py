"""Saying all entities of a topic once more, page by page: for a suite that is older than the topic, or a topic that was lost.

Nothing changes: each is said with the revision that it has, so whoever has it already keeps what it has.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from lutong_chassis.database import Tx
from lutong_contracts import Event, Topic

PAGE: Final = 1_000
"""Entities that one transaction says."""

EntitiesAfter = Callable[[Tx, str, int], Awaitable[Sequence[Event]]]
"""Gives the next entities behind a key as events, in the order of their keys, locked until commit: at most so many."""

Entities = Mapping[Topic, EntitiesAfter]
"""By topic, how the service that owns it reads them."""


async def say_page(tx: Tx, entities_after: EntitiesAfter, after: str) -> tuple[int, str | None]:
    """Say the page behind a key; gives how many those are, and the key to go on behind, or None when it was the last."""
    found = await entities_after(tx, after, PAGE)
    tx.publish(*found)
    return len(found), found[-1].key if len(found) == PAGE else None
