"""What viewers did, kept event by event for longer than its topic: migration 0008 counts again from it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final, Literal, NamedTuple

from lutong_chassis import Received, Tx
from lutong_chassis.rows import columns_of
from lutong_contracts.feed import CardTapped, RequestCancelled, ServiceRequested, ServiceSolved

FactKind = Literal["tap", "solve", "request", "cancel"]


class FactRow(NamedTuple):
    """One event, on the day on which it happened (UTC)."""

    day: date
    event_id: str
    happened_at: datetime
    kind: FactKind
    post_id: str
    program_id: str
    viewer_id: str
    order_id: str | None = None


class _Cancelled(NamedTuple):
    """A cancellation, which names no post: its request does."""

    day: date
    event_id: str
    happened_at: datetime
    viewer_id: str
    order_id: str


_FACT: Final = columns_of(FactRow)
_CANCELLED: Final = columns_of(_Cancelled)


async def keep(
    tx: Tx, kind: FactKind, batch: Sequence[Received[CardTapped] | Received[ServiceSolved] | Received[ServiceRequested]]
) -> None:
    """Keep a batch of events as facts. The inbox let each through once."""
    rows = [
        FactRow(_day(received.time), received.id, received.time, kind, event.post_id, event.program_id,
                event.viewer_id, event.order_id if isinstance(event, ServiceRequested) else None)
        for received in batch
        for event in (received.event,)
    ]  # fmt: skip
    await tx.execute(
        f"INSERT INTO engagement_fact ({_FACT.names}) SELECT {_FACT.names} FROM {_FACT.unnest()} ON CONFLICT DO NOTHING",
        *_FACT.arrays(rows),
    )


async def keep_cancelled(tx: Tx, batch: Sequence[Received[RequestCancelled]]) -> None:
    """Keep cancellations as facts, those of requests that there are."""
    rows = [_Cancelled(_day(r.time), r.id, r.time, r.event.viewer_id, r.event.order_id) for r in batch]
    await tx.execute(
        f"""
        INSERT INTO engagement_fact ({_FACT.names})
        SELECT day, event_id, happened_at, 'cancel', post_id, program_id, cancelled.viewer_id, order_id
          FROM {_CANCELLED.unnest("cancelled")}
          JOIN service_request USING (order_id)
            ON CONFLICT DO NOTHING
        """,
        *_CANCELLED.arrays(rows),
    )


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
