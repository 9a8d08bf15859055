"""How often programs were used, and the facts that it is counted from."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final, Literal, NamedTuple

from lutong_chassis import Reads, Received, Tx
from lutong_chassis.rows import columns_of
from lutong_contracts.feed import CardTapped, ServiceSolved
from lutong_contracts.inventory import OrderFulfilled

UseKind = Literal["opened", "solved", "fulfilled"]
Use = Received[CardTapped] | Received[ServiceSolved] | Received[OrderFulfilled]


class UseRow(NamedTuple):
    """One use of a program, on the day on which it happened (UTC); with what was paid, when something was."""

    day: date
    source: str
    event_id: str
    happened_at: datetime
    kind: UseKind
    program_id: str
    post_id: str
    amount_minor: int | None
    currency: str | None


_USE: Final = columns_of(UseRow)


async def count_usage(tx: Tx, batch: Sequence[Use], kind: UseKind) -> None:
    """Keep uses as facts, and count them. `batches` grows with each count that has facts (migration 0009)."""
    await tx.execute(
        f"""
        WITH fact AS (
            INSERT INTO usage_fact ({_USE.names}) SELECT {_USE.names} FROM {_USE.unnest()}
                ON CONFLICT DO NOTHING
            RETURNING program_id
        )
        INSERT INTO usage AS known (program_id, {kind}, batches)
        SELECT program_id, count(*), 1 FROM fact GROUP BY program_id ORDER BY program_id
            ON CONFLICT (program_id) DO UPDATE
           SET {kind} = known.{kind} + excluded.{kind}, batches = known.batches + 1
        """,
        *_USE.arrays(_row(received, kind) for received in batch),
    )


async def usage(tx: Reads, program_id: str) -> dict[str, int]:
    """How often a program was used."""
    row = await tx.fetchrow("SELECT opened, solved, fulfilled FROM usage WHERE program_id = $1", program_id)
    return dict(row) if row else {"opened": 0, "solved": 0, "fulfilled": 0}


def _row(received: Use, kind: UseKind) -> UseRow:
    event, time = received.event, received.time.astimezone(UTC)
    paid = event.amount if isinstance(event, OrderFulfilled) else None
    return UseRow(
        time.date(), received.source, received.id, time, kind, event.program_id, event.post_id,
        paid.amount_minor if paid else None, paid.currency if paid else None,
    )  # fmt: skip
