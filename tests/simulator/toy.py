"""A service of a few lines, for schedules: commands publish what is to be counted, with reminders; events are counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_chassis.commands.asked import Answer, Asked
from lutong_contracts import Event, Topic
from lutong_contracts.values import Identifier

COUNTED: Final = Topic("lutong.simulated.counted", key="counter", partitions=3)
TOLD: Final = Topic("lutong.simulated.told", key="counter", partitions=2)

TABLES: Final = """
CREATE TABLE counter (counter_id text PRIMARY KEY, places integer[] NOT NULL);
CREATE TABLE reminder (counter_id text, place integer, at timestamptz NOT NULL, due_at timestamptz NOT NULL);
CREATE SCHEMA sim;
CREATE FUNCTION sim.now() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT current_setting('sim.now')::timestamptz $$;
CREATE FUNCTION sim.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT current_setting('sim.now')::timestamptz $$;
"""
"""What a schedule needs beside the tables of the chassis: the time is what the connection was told."""

EMPTIED: Final = (
    "counter", "reminder", "inbox", "outbox", "pending", "stream", "deadline", "parked", "passed_over", "retrying",
    "skip", "missed", "misplaced", "idempotency",
)  # fmt: skip
"""What a schedule leaves behind."""


class Counted(Event, topic=COUNTED, key="counter_id"):
    """Something to count at a place of its own. `poison` makes the handler fail until it is cured."""

    counter_id: Identifier
    place: int
    poison: bool = False


class Reminded(Event, topic=COUNTED, key="counter_id"):
    """A deadline that fell due."""

    counter_id: Identifier
    place: int
    due_s: float


class Told(Event, topic=TOLD, key="counter_id"):
    """What was counted last, and how much in all."""

    counter_id: Identifier
    place: int
    total: int


@dataclass(frozen=True, slots=True)
class Count:
    """A command: count these places, in order; with `remind_s`, remind of the first after so many seconds."""

    counter_id: str
    places: Sequence[int]
    poison: bool = False
    remind_s: float | None = None


class PoisonError(Exception):
    """The bug in the handler."""


@dataclass(slots=True)
class Cure:
    """Whether the bug is fixed."""

    done: bool = False


cure: Final = Cure()
handlers: Final = Handlers()


@handlers.on(Count)
async def take(commands: Sequence[Asked[Count]], tx: Tx) -> list[Answer]:
    """Publish what is to be counted, and set reminders."""
    answers = []
    for asked in commands:
        count = asked.command
        events = [
            asked.causes(Counted(counter_id=count.counter_id, place=place, poison=count.poison))
            for place in count.places
        ]
        if count.remind_s is not None:
            due_at = tx.now + timedelta(seconds=count.remind_s)
            reminded = Reminded(counter_id=count.counter_id, place=count.places[0], due_s=due_at.timestamp())
            events.append(Outgoing(reminded, asked.cause, due_at))
        answers.append(Answer({"counter_id": count.counter_id, "id": asked.new_id()}, events))
    return answers


@handlers.on(Counted)
async def count(batch: Sequence[Received[Counted]], tx: Tx) -> list[Outgoing]:
    """Write places down in the order in which they come."""
    if not cure.done and any(received.event.poison for received in batch):
        raise PoisonError
    rows = await tx.fetch(
        """
        WITH given AS (
            SELECT counter_id, array_agg(place ORDER BY number) AS places
              FROM unnest($1::text[], $2::integer[]) WITH ORDINALITY AS sent(counter_id, place, number)
             GROUP BY counter_id
             ORDER BY counter_id
        )
        INSERT INTO counter SELECT counter_id, places FROM given
            ON CONFLICT (counter_id) DO UPDATE SET places = counter.places || excluded.places
        RETURNING counter_id, cardinality(places) AS total
        """,
        [received.event.counter_id for received in batch],
        [received.event.place for received in batch],
    )
    totals = {row["counter_id"]: row["total"] for row in rows}
    return [
        received.causes(Told(counter_id=event.counter_id, place=event.place, total=totals[event.counter_id]))
        for received in batch
        for event in [received.event]
    ]


@handlers.on(Reminded)
async def remind(batch: Sequence[Received[Reminded]], tx: Tx) -> list[Outgoing]:
    """Write down when a reminder came."""
    await tx.execute(
        """
        INSERT INTO reminder
        SELECT counter_id, place, $4, to_timestamp(due_s)
          FROM unnest($1::text[], $2::integer[], $3::float[]) AS sent(counter_id, place, due_s)
        """,
        [received.event.counter_id for received in batch],
        [received.event.place for received in batch],
        [received.event.due_s for received in batch],
        tx.now,
    )
    return []


def older() -> Handlers:
    """The handlers of the release before: it does not know what to do with reminders."""
    return Handlers({Counted: count}, {Count: take})
