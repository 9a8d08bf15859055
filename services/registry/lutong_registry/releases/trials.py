"""SQL of what comes of taps and orders while a version is in gray. All of it under the locks of the programs, in key order."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Final, Literal, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_registry.releases.guardrails import Arm, Measured, Metric

Mark = Literal["fulfilled", "rejected", "short", "refunded"]


class Watched(NamedTuple):
    """A version in gray and its control, at the stage that it is at."""

    program_id: str
    number: int
    stage: int
    salt: str
    control: int

    def key(self, post_id: str, viewer_id: str) -> str:
        """A viewer and a post, as they are remembered: nobody else's salt gives the same."""
        return blake2b(f"{self.salt}\n{post_id}\n{viewer_id}".encode(), digest_size=16).hexdigest()

    def is_in_gray(self, version: int | None) -> bool | None:
        """Whether something was of the version in gray, or of its control; None if of neither."""
        return None if version not in {self.number, self.control} else version == self.number


class TapRow(NamedTuple):
    """A tap that may become an order."""

    program_id: str
    number: int
    key: str
    stage: int
    in_gray: bool


class OrderRow(NamedTuple):
    """An order of which more may become known."""

    order_id: str
    program_id: str
    number: int
    stage: int
    in_gray: bool


class Place(NamedTuple):
    """Where something counts."""

    program_id: str
    number: int
    stage: int
    in_gray: bool


class AddedRow(NamedTuple):
    """What is added to a count, of the version in gray and of its control."""

    program_id: str
    number: int
    stage: int
    metric: str
    gray: int
    control: int


class CountRow(NamedTuple):
    """A count as it is stored."""

    program_id: str
    number: int
    stage: int
    metric: str
    gray_trials: int
    gray_hits: int
    control_trials: int
    control_hits: int


class Counted(NamedTuple):
    """A count after it was added to, and the version that it is of."""

    program_id: str
    number: int
    measured: Measured


_TAP: Final = columns_of(TapRow)
_ORDER: Final = columns_of(OrderRow)
_ADDED: Final = columns_of(AddedRow)
_COUNTED: Final = ", ".join(CountRow._fields)


async def watched(tx: Tx, program_ids: Iterable[str]) -> dict[str, Watched]:
    """Those of these programs that have a version in gray, locked: what is decided on its counts holds.

    It is read again behind the lock: it may have left gray while this waited.
    """
    locked = await tx.fetch(
        """
        SELECT program_id
          FROM program
         WHERE program_id = ANY ($1)
           AND EXISTS (SELECT FROM version WHERE version.program_id = program.program_id AND state = 'gray')
         ORDER BY program_id
           FOR NO KEY UPDATE
        """,
        sorted(set(program_ids)),
    )
    if not locked:
        return {}
    rows = await tx.fetch(
        """
        SELECT program_id, gray.number, gray.stage, gray.audience ->> 'salt', released.number
          FROM version AS gray JOIN version AS released USING (program_id)
         WHERE program_id = ANY ($1) AND gray.state = 'gray' AND released.state = 'released'
        """,
        [row["program_id"] for row in locked],
    )
    return {row["program_id"]: Watched(*row) for row in rows}


async def watched_orders(tx: Tx, order_ids: Iterable[str]) -> dict[str, Watched]:
    """The programs in gray, locked, that any of these orders is of."""
    rows = await tx.fetch(
        "SELECT DISTINCT program_id FROM gray_order WHERE order_id = ANY ($1)", sorted(set(order_ids))
    )
    return await watched(tx, [row["program_id"] for row in rows]) if rows else {}


async def add_taps(tx: Tx, taps: Sequence[TapRow]) -> list[Place]:
    """Remember taps; gives where those count that are new."""
    rows = await tx.fetch(
        f"""
        INSERT INTO gray_tap ({_TAP.names})
        SELECT {_TAP.names} FROM {_TAP.unnest()}
            ON CONFLICT DO NOTHING
        RETURNING program_id, number, stage, in_gray
        """,
        *_TAP.arrays(taps),
    )
    return [Place(*row) for row in rows]


async def take_taps(tx: Tx, taps: Sequence[TapRow]) -> list[Place]:
    """Taps became orders; gives where those count that had not yet, at the stage at which each was."""
    rows = await tx.fetch(
        f"""
        UPDATE gray_tap
           SET ordered = true
          FROM {_TAP.unnest()}
         WHERE gray_tap.program_id = given.program_id AND gray_tap.number = given.number AND gray_tap.key = given.key
           AND gray_tap.in_gray = given.in_gray AND NOT ordered
        RETURNING gray_tap.program_id, gray_tap.number, gray_tap.stage, gray_tap.in_gray
        """,
        *_TAP.arrays(taps),
    )
    return [Place(*row) for row in rows]


async def add_orders(tx: Tx, orders: Sequence[OrderRow]) -> list[Place]:
    """Remember orders; gives where those count that are new."""
    rows = await tx.fetch(
        f"""
        INSERT INTO gray_order ({_ORDER.names})
        SELECT {_ORDER.names} FROM {_ORDER.unnest()}
            ON CONFLICT DO NOTHING
        RETURNING program_id, number, stage, in_gray
        """,
        *_ORDER.arrays(orders),
    )
    return [Place(*row) for row in rows]


async def mark_orders(tx: Tx, mark: Mark, order_ids: Iterable[str], watching: Mapping[str, Watched]) -> list[Place]:
    """Something became known of orders; gives where it counts, once for each. A refund is of an order that was fulfilled."""
    rows = await tx.fetch(
        f"""
        UPDATE gray_order
           SET {mark} = true
         WHERE order_id = ANY ($1) AND program_id = ANY ($2) AND NOT {mark} {"AND fulfilled" if mark == "refunded" else ""}
        RETURNING program_id, number, stage, in_gray
        """,
        sorted(set(order_ids)),
        sorted(watching),
    )
    return [Place(*row) for row in rows]


async def count_trials(tx: Tx, metric: Metric, places: Sequence[Place]) -> list[Counted]:
    """Add trials of a metric; gives the counts that changed, as they are now."""
    rows = await tx.fetch(
        f"""
        INSERT INTO gray_count AS known
               (program_id, number, stage, metric, gray_trials, gray_hits, control_trials, control_hits)
        SELECT program_id, number, stage, metric, gray, 0, control, 0 FROM {_ADDED.unnest()}
            ON CONFLICT (program_id, number, stage, metric) DO UPDATE
           SET gray_trials = known.gray_trials + excluded.gray_trials,
               control_trials = known.control_trials + excluded.control_trials
        RETURNING {_COUNTED}
        """,
        *_ADDED.arrays(_added(metric, places)),
    )
    return [_counted(CountRow(*row)) for row in rows]


async def count_hits(tx: Tx, metric: Metric, places: Sequence[Place]) -> list[Counted]:
    """Add hits of a metric, whose trials were counted before; gives the counts that changed, as they are now."""
    rows = await tx.fetch(
        f"""
        UPDATE gray_count AS known
           SET gray_hits = known.gray_hits + given.gray, control_hits = known.control_hits + given.control
          FROM {_ADDED.unnest()}
         WHERE known.program_id = given.program_id AND known.number = given.number
           AND known.stage = given.stage AND known.metric = given.metric
        RETURNING {", ".join(f"known.{column}" for column in CountRow._fields)}
        """,
        *_ADDED.arrays(_added(metric, places)),
    )
    return [_counted(CountRow(*row)) for row in rows]


def _added(metric: Metric, places: Sequence[Place]) -> list[AddedRow]:
    times = Counter(places)
    stages = sorted({place[:3] for place in times})
    return [AddedRow(*key, metric, times[Place(*key, True)], times[Place(*key, False)]) for key in stages]  # noqa: FBT003  # in gray, or not


async def measured(tx: Reads, program_id: str, number: int) -> list[Measured]:
    """All that was measured of a version, stage by stage."""
    rows = await tx.fetch(
        f"SELECT {_COUNTED} FROM gray_count WHERE program_id = $1 AND number = $2 ORDER BY stage, metric",
        program_id,
        number,
    )
    return [_counted(CountRow(*row)).measured for row in rows]


def _counted(row: CountRow) -> Counted:
    gray, control = Arm(row.gray_trials, row.gray_hits), Arm(row.control_trials, row.control_hits)
    return Counted(row.program_id, row.number, Measured(row.stage, row.metric, gray, control))  # type: ignore[arg-type]  # only metrics are written
