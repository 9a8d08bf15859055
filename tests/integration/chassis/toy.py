"""A service of a few lines, to see the chassis at work: it counts what it consumes and publishes totals.

`python -m tests.integration.chassis.toy` runs it as a process; TOY_TOPIC separates test runs.
"""

import asyncio
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import asyncpg
from fastapi import APIRouter
from pydantic import BaseModel

from lutong_chassis import (
    Handlers,
    Outgoing,
    Read,
    Received,
    Service,
    Tx,
    TxDependency,
    allowed,
    consumer,
    envelope,
    not_audited,
    passed_over,
    routes,
)
from lutong_contracts import Event, Topic
from lutong_contracts.values import Identifier

SUFFIX = os.environ.get("TOY_TOPIC", "default")
CONSUMED = Topic(f"lutong.toy.consumed-{SUFFIX}", key="counter", partitions=4)
if os.environ.get("TOY_MOVED"):  # the release that has more partitions
    CONSUMED = Topic(f"{CONSUMED.name}-wide", key="counter", partitions=16, moved_from=CONSUMED.name)
PUBLISHED = Topic(f"lutong.toy.published-{SUFFIX}", key="counter", partitions=4)


class Counted(Event, topic=CONSUMED, key="counter_id"):
    """Something to count. `poison` makes the handler fail until it is cured."""

    counter_id: Identifier
    place: int = 0
    poison: bool = False


class Ignored(Event, topic=CONSUMED, key="counter_id"):
    """Something that nobody handles."""

    counter_id: Identifier


class Totalled(Event, topic=PUBLISHED, key="counter_id"):
    """How much was counted so far."""

    counter_id: Identifier
    total: int


class Reminded(Event, topic=PUBLISHED, key="counter_id"):
    """A deadline that fell due."""

    counter_id: Identifier


SLOW_PLACE = 999
"""A place that takes longer to count than any statement may."""

STUCK_PLACE = 998
"""A place at which the handler waits for something that never comes."""

MARKING_PLACE = 997
"""A place that leaves its mark on the connection that counts it."""

MARKED_PLACE = 996
"""A place that fails on a connection with that mark, as on one whose server has changed."""

CONFUSED_PLACE = 995
"""A place at which asyncpg does not know where it is, three times."""

confused = {"left": 3}

CUT_PLACE = 994
"""A place whose counter is behind a connection that is always cut: trouble that looks as if it passed."""

handlers = Handlers()
bug = {"fixed": False}


class BuggyError(Exception):
    """The bug in the handler."""


async def _misbehave(batch: Sequence[Received[Counted]], tx: Tx) -> None:
    """Fail as the events ask for."""
    if not bug["fixed"] and any(received.event.poison for received in batch):
        raise BuggyError
    if not bug["fixed"] and any(received.event.place == CUT_PLACE for received in batch):
        raise ConnectionResetError
    if any(received.event.place == SLOW_PLACE for received in batch):
        await tx.execute("SELECT pg_sleep(60)")
    if any(received.event.place == STUCK_PLACE for received in batch):
        await asyncio.Event().wait()
    places = {received.event.place for received in batch}
    if MARKED_PLACE in places and await tx.fetchval("SELECT to_regclass('pg_temp.mark') IS NOT NULL"):
        raise BuggyError
    if MARKING_PLACE in places:
        await tx.execute("CREATE TEMP TABLE IF NOT EXISTS mark ()")
    if CONFUSED_PLACE in places and confused["left"]:
        confused["left"] -= 1
        raise asyncpg.InternalClientError("got result for unknown protocol state 3")


@handlers.on(Counted)
async def count(batch: Sequence[Received[Counted]], tx: Tx) -> list[Outgoing]:
    """Add up per counter, refusing poison as a bug would."""
    published = []
    await _misbehave(batch, tx)
    # `SELECT *` is what a migration outdates while we run: services name their columns, and this shows that it is no matter.
    await tx.fetch(
        "SELECT * FROM counter WHERE counter_id = ANY($1)", [received.event.counter_id for received in batch]
    )
    for received in batch:
        total = await tx.fetchval(
            """
            INSERT INTO counter (counter_id, total, places) VALUES ($1, 1, ARRAY[$2::integer])
                ON CONFLICT (counter_id) DO UPDATE
                   SET total = counter.total + 1, places = counter.places || excluded.places
            RETURNING total
            """,
            received.event.counter_id,
            received.event.place,
        )
        published.append(received.causes(Totalled(counter_id=received.event.counter_id, total=total)))
    return published


router: APIRouter = routes("toy")


class Count(BaseModel):
    """What to count."""

    counter_id: Identifier
    place: int = 0


class Answer(BaseModel):
    """What was counted."""

    counter_id: str
    answer_id: str


@router.post("/v1/counts", status_code=201)
@allowed("operator")
@not_audited("a toy has nothing that is anybody's")
async def count_by_hand(command: Count, tx: TxDependency) -> Answer:
    """Count once, by hand."""
    tx.publish(Counted(counter_id=command.counter_id, place=command.place))
    return Answer(counter_id=command.counter_id, answer_id=tx.new_id())


@router.post("/v1/cure")
@allowed("operator")
@not_audited("a toy has nothing that is anybody's")
async def cure() -> dict[str, bool]:
    """Fix the bug in the handler."""
    bug["fixed"] = True
    return bug


@router.post("/v1/reminders/{counter_id}", status_code=202)
@allowed("operator")
@not_audited("a toy has nothing that is anybody's")
async def remind(counter_id: Identifier, after_ms: int, tx: TxDependency) -> dict[str, str]:
    """Say something later, and something else now."""
    tx.publish(Reminded(counter_id=counter_id), due_at=tx.now + timedelta(milliseconds=after_ms))
    tx.publish(Totalled(counter_id=counter_id, total=0))
    return {"counter_id": counter_id}


@router.get("/v1/counts/{counter_id}")
@allowed("operator")
async def read_count(counter_id: Identifier, tx: TxDependency) -> dict[str, int]:
    """How much was counted so far."""
    row = await tx.fetchrow("SELECT * FROM counter WHERE counter_id = $1", counter_id)
    return {"total": row["total"] if row else 0}


@router.get("/v1/counts/{counter_id}/written")
@allowed("operator")
async def write_in_a_query(counter_id: Identifier, tx: TxDependency) -> None:
    """A bug: a query that writes."""
    await tx.execute("UPDATE counter SET total = 0 WHERE counter_id = $1", counter_id)


@router.get("/v1/counts/{counter_id}/at/{place}")
@allowed("operator")
async def was_at(counter_id: Identifier, place: int, tx: TxDependency) -> bool:
    """Whether it was counted at a place. A bug: a place may be larger than its column takes."""
    return bool(
        await tx.fetchval("SELECT true FROM counter WHERE counter_id = $1 AND $2 = ANY (places)", counter_id, place)
    )


@router.get("/v1/counts/{counter_id}/read")
@allowed("operator")
async def read_alone(counter_id: Identifier, read: Read) -> dict[str, int]:
    """How much was counted so far, by one statement."""
    return {"total": await read.fetchval("SELECT total FROM counter WHERE counter_id = $1", counter_id) or 0}


@router.get("/v1/counts/{counter_id}/written-alone")
@allowed("operator")
async def write_alone(counter_id: Identifier, read: Read) -> None:
    """A bug: a statement that writes where only reads go."""
    await read.fetch("UPDATE counter SET total = 0 WHERE counter_id = $1", counter_id)


@router.post("/v1/sums")
@allowed("operator")
@not_audited("a toy has nothing that is anybody's")
async def sum_up(command: Count, tx: TxDependency) -> dict[str, int]:
    """How much was counted, asked by a command."""
    row = await tx.fetchrow("SELECT * FROM counter WHERE counter_id = $1", command.counter_id)
    return {"total": row["total"] if row else 0}


def read_badly(record: envelope.Record) -> Received[Event]:
    """Raise for some records what nobody foresaw."""
    if any(name == "toy-raises" for name, _ in record.headers):
        raise RecursionError
    return _read(record)


async def forget(_tx: Tx, _passed: object) -> None:
    """Do not remember what was passed over."""


_read = envelope._read  # for negative controls
if os.environ.get("TOY_READS"):
    envelope._read = read_badly  # the same
if os.environ.get("TOY_READS") == "unguarded":
    vars(envelope)["decode"] = read_badly

if os.environ.get("TOY_FORGETS"):
    vars(passed_over)["remember"] = forget  # the same
if os.environ.get("TOY_FORGETS") == "unmarked":
    vars(consumer)["REMEMBERED"] = ""  # a release from before there was this memory

service = Service(
    f"toy-{SUFFIX}", handlers=handlers, routes=router, migrations=Path(__file__).parent / "toy_migrations"
)

if __name__ == "__main__":
    service.run()
