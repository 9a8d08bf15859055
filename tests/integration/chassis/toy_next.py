"""The next release of the toy: it publishes and handles types that the first one does not know. Both run side by side.

`python -m tests.integration.chassis.toy_next` runs it, on the tables and topics of `toy.py`.
"""

import os
from collections.abc import Sequence
from datetime import timedelta

from lutong_chassis import Outgoing, Received, Tx, TxDependency, allowed, not_audited
from lutong_contracts import Event
from lutong_contracts.values import Identifier
from tests.integration.chassis.toy import CONSUMED, Counted, Ignored, handlers, router, service

__all__ = ["service"]

DOUBLED = 1_000
"""Added to the places of what was doubled, so that tests can tell it from what was counted."""

IGNORED = 2_000
"""The same, for what the release before knew and did not handle."""

REFINED = 3_000
"""The same, for the second version of what the release before handles."""


class Doubled(Event, topic=CONSUMED, key="counter_id"):
    """New on an old topic: counts for two."""

    counter_id: Identifier
    place: int = 0


class CountedV2(Event, topic=CONSUMED, key="counter_id", version=2):
    """A newer version of what the release before handles."""

    counter_id: Identifier
    position: int


class Lapsed(Event, topic=CONSUMED, key="counter_id"):
    """A deadline of a kind that the release before does not know."""

    counter_id: Identifier


async def _add(tx: Tx, counter_id: str, place: int, units: int) -> None:
    await tx.execute(
        """
        INSERT INTO counter (counter_id, total, places) VALUES ($1, $3, ARRAY[$2::integer])
            ON CONFLICT (counter_id) DO UPDATE
               SET total = counter.total + $3, places = counter.places || excluded.places
        """,
        counter_id,
        place,
        units,
    )


@handlers.on(Doubled)
async def double(batch: Sequence[Received[Doubled]], tx: Tx) -> list[Outgoing]:
    """Count for two."""
    for received in batch:
        await _add(tx, received.event.counter_id, DOUBLED + received.event.place, 2)
    return []


@handlers.on(CountedV2)
async def count_refined(batch: Sequence[Received[CountedV2]], tx: Tx) -> list[Outgoing]:
    """Count, as the second version says it."""
    for received in batch:
        await _add(tx, received.event.counter_id, REFINED + received.event.position, 1)
    return []


@handlers.on(Lapsed)
async def lapse(batch: Sequence[Received[Lapsed]], tx: Tx) -> list[Outgoing]:
    """Forget what was counted."""
    await tx.execute("DELETE FROM counter WHERE counter_id = ANY ($1)", [item.event.counter_id for item in batch])
    return []


if os.environ.get("TOY_HANDLES_IGNORED"):

    @handlers.on(Ignored)
    async def count_ignored(batch: Sequence[Received[Ignored]], tx: Tx) -> list[Outgoing]:
        """Count what the release before passed over."""
        for received in batch:
            await _add(tx, received.event.counter_id, IGNORED, 1)
        return []


@router.post("/v1/lapses/{counter_id}", status_code=202)
@allowed("operator")
@not_audited("a toy has nothing that is anybody's")
async def lapse_later(counter_id: Identifier, after_ms: int, tx: TxDependency) -> dict[str, str]:
    """Forget a counter later, and count once now."""
    tx.publish(Lapsed(counter_id=counter_id), due_at=tx.now + timedelta(milliseconds=after_ms))
    tx.publish(Counted(counter_id=counter_id))
    return {"counter_id": counter_id}


if __name__ == "__main__":
    service.run()
