"""Consuming an event once. In the transaction of its effects, so both happen or neither does."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, NamedTuple

from lutong_chassis.database import Tx, columns
from lutong_chassis.envelope import Received
from lutong_chassis.rows import Sql, columns_of
from lutong_contracts import Event


class InboxRow(NamedTuple):
    """An event that was taken in, and where it came from. `content` is None for what is not compared."""

    source: str
    id: str
    type: str
    topic: str
    partition: Annotated[int, Sql("integer")]
    offset: int
    key: str
    sequence: int | None
    correlation_id: str
    causation_id: str | None
    occurred_at: datetime
    content: bytes | None


class _Copy(NamedTuple):
    """An event that was in the inbox already, or came twice."""

    source: str
    id: str
    content: bytes | None


_ROW: Final = columns_of(InboxRow)
_COPY: Final = columns_of(_Copy)


async def receive(tx: Tx, received: Sequence[Received[Event]]) -> list[Received[Event]]:
    """Enter events into the inbox; gives those that were not there before, in order.

    A copy that another process is taking in right now makes this wait for its outcome. Keys are
    inserted in order, so that two such processes cannot deadlock.
    """
    if not received:
        return []
    first: dict[tuple[str, str], Received[Event]] = {}
    for item in received:
        first.setdefault((item.source, item.id), item)
    entered = await tx.fetch(
        f"""
        INSERT INTO inbox ({_ROW.names})
        SELECT {_ROW.names} FROM {_ROW.unnest()}
            ON CONFLICT (source, id) DO NOTHING
        RETURNING source, id
        """,
        *_ROW.arrays(_row(first[name]) for name in sorted(first)),
    )
    fresh = {(row["source"], row["id"]) for row in entered}
    return [item for item in first.values() if (item.source, item.id) in fresh]


def _row(item: Received[Event]) -> InboxRow:
    event, id_, source, time, key, sequence, cause, topic, partition, offset, _, content = item
    return InboxRow(source, id_, event.type, topic, partition, offset, key, sequence, cause[0], cause[1], time, content)


async def conflicts(
    tx: Tx, received: Sequence[Received[Event]], fresh: Sequence[Received[Event]]
) -> list[Received[Event]]:
    """Of events that were received and are not fresh: those with other content than the first under their id.

    What was received before contents were kept counts as equal.
    """
    entered = {id(item) for item in fresh}
    known = [item for item in received if id(item) not in entered]
    if not known:
        return []
    rows = await tx.fetch(
        f"""
        SELECT place
          FROM {_COPY.unnest("copy", place="place")}
          JOIN inbox USING (source, id)
         WHERE inbox.content <> copy.content
         ORDER BY place
        """,
        *_COPY.arrays(_Copy(item.source, item.id, item.content) for item in known),
    )
    return [known[row["place"] - 1] for row in rows]


class EventName(NamedTuple):
    """Under what an event is known: two of one name are copies."""

    source: str
    id: str


async def withdraw(tx: Tx, names: Iterable[EventName]) -> None:
    """Take events out again: they were entered in this transaction, and refused."""
    wanted = sorted(set(names))
    if wanted:
        await tx.execute(
            "DELETE FROM inbox WHERE (source, id) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
            *columns(wanted, 2),
        )


async def forget(tx: Tx, older_than: timedelta, rows_max: int = 10_000) -> int:
    """Drop entries that no copy can match any more; gives how many (call again while it is `rows_max`)."""
    tag = await tx.execute(
        """
        DELETE FROM inbox
         WHERE ctid = ANY (ARRAY(SELECT ctid FROM inbox WHERE received_at < now() - $1::interval LIMIT $2))
        """,
        older_than,
        rows_max,
    )
    return int(tag.rpartition(" ")[2])
