"""An outbox in your own PostgreSQL: say an event in the transaction that makes it true; carry it afterwards.

>>> cursor.execute(outbox.TABLE)                                     # once
>>> outbox.write(cursor, message(PostPublished(...), "/partner/cms", id="cms-1"))   # in your transaction
>>> outbox.carry(connection, publisher)                              # in a loop, on a connection of its own

For DB-API drivers such as psycopg (3 and 2). With asyncpg: `awrite(connection, …)` and `acarry(connection, …)`.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from lutong_client.message import Message, Receipt, message
from lutong_client.publisher import AsyncPublisher, Publisher
from lutong_contracts import event_class

TABLE: Final = """
CREATE TABLE IF NOT EXISTS lutong_outbox (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id       text NOT NULL UNIQUE,
    source         text NOT NULL,
    type           text NOT NULL,
    happened_at    timestamptz NOT NULL,
    correlation_id text NOT NULL,
    causation_id   text,
    traceparent    text,
    payload        text NOT NULL,
    rejected       text
)
"""
"""What is written and not carried yet. A row that was rejected stays, with the reason, until you delete or correct it."""

_WRITE: Final = """
INSERT INTO lutong_outbox (event_id, source, type, happened_at, correlation_id, causation_id, traceparent, payload)
VALUES ({}) ON CONFLICT (event_id) DO NOTHING
"""
_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtext('lutong_outbox'))"
_READ: Final = """
SELECT event_id, source, type, happened_at, correlation_id, causation_id, traceparent, payload
  FROM lutong_outbox WHERE rejected IS NULL ORDER BY id LIMIT 500
"""
_DONE: Final = "DELETE FROM lutong_outbox WHERE event_id = ANY ({})"
_REJECTED: Final = "UPDATE lutong_outbox SET rejected = {} WHERE event_id = {}"

Row = tuple[str, str, str, datetime, str, str | None, str | None, str]


def _row(each: Message) -> Row:
    envelope, cause = each.envelope, each.envelope.cause
    return (
        envelope.id, envelope.source, envelope.type, envelope.time, cause.correlation_id, cause.causation_id,
        cause.traceparent, each.value.decode(),
    )  # fmt: skip


def _message(row: Sequence[Any]) -> Message:
    event = event_class(row[2]).model_validate_json(row[7])
    return message(
        event, row[1], id=row[0], time=row[3], correlation_id=row[4], causation_id=row[5], traceparent=row[6]
    )


def _sorted_out(receipts: Iterable[Receipt]) -> tuple[list[str], list[tuple[str, str]]]:
    """Ids that are done, and (reason, id) of those that were rejected."""
    receipts = list(receipts)
    done = [receipt.id for receipt in receipts if receipt.status != "rejected"]
    return done, [(f"{r.code} {r.pointer or ''}: {r.detail}", r.id) for r in receipts if r.status == "rejected"]


@contextmanager
def _transaction(connection: Any) -> Iterator[None]:  # noqa: ANN401  # any DB-API connection
    """One transaction in the words of DB-API. What `with connection` means differs: psycopg 3 and pg8000 close it."""
    commits_by_itself = getattr(connection, "autocommit", False)
    if commits_by_itself:
        connection.autocommit = False
    try:
        try:
            yield
        except BaseException:
            connection.rollback()
            raise
        connection.commit()
    finally:
        if commits_by_itself:
            connection.autocommit = True


def write(cursor: Any, *messages: Message) -> None:  # noqa: ANN401  # any DB-API cursor
    """Say events in the caller's transaction; they are carried if, and only if, it commits."""
    cursor.executemany(_WRITE.format(", ".join(["%s"] * 8)), [_row(each) for each in messages])


def carry(connection: Any, publisher: Publisher) -> int:  # noqa: ANN401  # any DB-API connection
    """Publish the oldest rows in order; gives how many are done. Several processes may try: one carries.

    Commits what it did and leaves the connection open, as it was. A `PublishError` leaves every row for the next round.
    """
    with _transaction(connection), connection.cursor() as cursor:
        cursor.execute(_LOCK)
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_READ)
        done, rejected = _sorted_out(publisher.publish_many([_message(row) for row in cursor.fetchall()]))
        cursor.execute(_DONE.format("%s"), (done,))
        for reason, event_id in rejected:
            cursor.execute(_REJECTED.format("%s", "%s"), (reason, event_id))
    return len(done)


async def awrite(connection: Any, *messages: Message) -> None:  # noqa: ANN401  # an asyncpg connection
    """Say events in the caller's transaction; they are carried if, and only if, it commits."""
    statement = _WRITE.format(", ".join(f"${n}" for n in range(1, 9)))
    await connection.executemany(statement, [_row(each) for each in messages])


async def acarry(connection: Any, publisher: AsyncPublisher) -> int:  # noqa: ANN401  # an asyncpg connection
    """Publish the oldest rows in order; gives how many are done. Several processes may try: one carries."""
    async with connection.transaction():
        if not await connection.fetchval(_LOCK):
            return 0
        rows = await connection.fetch(_READ)
        done, rejected = _sorted_out(await publisher.publish_many([_message(tuple(row.values())) for row in rows]))
        await connection.execute(_DONE.format("$1"), done)
        for reason, event_id in rejected:
            await connection.execute(_REJECTED.format("$1", "$2"), reason, event_id)
    return len(done)
