"""An outbox in your own PostgreSQL: write an event in the transaction that makes it true; publish it afterwards.

>>> cursor.execute(outbox.TABLE)                                     # once
>>> outbox.write(cursor, message(PostPublished(...), "/partner/cms", id="cms-1"))   # in your transaction
>>> outbox.carry(connection, publisher)                              # in a loop, on a connection of its own

For DB-API drivers such as psycopg (3 and 2). With asyncpg: `awrite(connection, …)` and `acarry(connection, …)`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple

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
"""Events that are written and not published yet. A rejected row stays, with the reason, until you delete or correct it."""

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


class _Row(NamedTuple):
    """A row of the table, in the order of its columns."""

    event_id: str
    source: str
    type: str
    happened_at: datetime
    correlation_id: str
    causation_id: str | None
    traceparent: str | None
    payload: str


class _Rejected(NamedTuple):
    """Why a row was rejected, in the order of the parameters of `_REJECTED`."""

    reason: str
    event_id: str


def _row(each: Message) -> _Row:
    envelope, cause = each.envelope, each.envelope.cause
    return _Row(envelope.id, envelope.source, envelope.type, envelope.time, *cause, each.value.decode())


def _message(row: _Row) -> Message:
    return message(
        event_class(row.type).model_validate_json(row.payload),
        row.source,
        id=row.event_id,
        time=row.happened_at,
        correlation_id=row.correlation_id,
        causation_id=row.causation_id,
        traceparent=row.traceparent,
    )


def _done(receipts: Sequence[Receipt]) -> list[str]:
    return [receipt.id for receipt in receipts if receipt.status != "rejected"]


def _rejected(receipts: Sequence[Receipt]) -> list[_Rejected]:
    return [_Rejected(f"{r.code} {r.pointer or ''}: {r.detail}", r.id) for r in receipts if r.status == "rejected"]


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
    """Write events in the caller's transaction; they are published if, and only if, it commits."""
    cursor.executemany(_WRITE.format(", ".join(["%s"] * 8)), [_row(each) for each in messages])


def carry(connection: Any, publisher: Publisher) -> int:  # noqa: ANN401  # any DB-API connection
    """Publish the oldest rows in order; returns how many are done. Several processes may try: one of them publishes.

    Commits, and leaves the connection open. A `PublishError` leaves every row for the next round.
    """
    with _transaction(connection), connection.cursor() as cursor:
        cursor.execute(_LOCK)
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_READ)
        receipts = publisher.publish_many([_message(_Row(*row)) for row in cursor.fetchall()])
        done = _done(receipts)
        cursor.execute(_DONE.format("%s"), (done,))
        for rejected in _rejected(receipts):
            cursor.execute(_REJECTED.format("%s", "%s"), tuple(rejected))
    return len(done)


async def awrite(connection: Any, *messages: Message) -> None:  # noqa: ANN401  # an asyncpg connection
    """Write events in the caller's transaction; they are published if, and only if, it commits."""
    statement = _WRITE.format(", ".join(f"${n}" for n in range(1, 9)))
    await connection.executemany(statement, [_row(each) for each in messages])


async def acarry(connection: Any, publisher: AsyncPublisher) -> int:  # noqa: ANN401  # an asyncpg connection
    """Publish the oldest rows in order; returns how many are done. Several processes may try: one of them publishes."""
    async with connection.transaction():
        if not await connection.fetchval(_LOCK):
            return 0
        rows = await connection.fetch(_READ)
        receipts = await publisher.publish_many([_message(_Row(*row.values())) for row in rows])
        done = _done(receipts)
        await connection.execute(_DONE.format("$1"), done)
        for rejected in _rejected(receipts):
            await connection.execute(_REJECTED.format("$1", "$2"), *rejected)
    return len(done)
