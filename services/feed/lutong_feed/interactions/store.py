"""SQL of interactions: facts that are there once, and counters that follow from them in the same statement."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import Sql, columns_of
from lutong_contracts.feed import Interaction
from lutong_contracts.touches import Served, read


class InteractionRow(NamedTuple):
    """One interaction, on the day on which its item was served (UTC)."""

    day: date
    request_id: Annotated[str, Sql("uuid")]
    position: Annotated[int, Sql("integer")]
    kind: str
    placement: str
    post_id: str
    root_id: str
    program_id: str | None
    viewer_id: str
    served_at: datetime
    happened_at: datetime


class Count(NamedTuple):
    """How often viewers did something with a post in a placement."""

    placement: str
    kind: str
    times: int


_ROW: Final = columns_of(InteractionRow)


def rows_of(interactions: Iterable[Interaction], reported_at: datetime) -> list[InteractionRow]:
    """What is kept of a report."""
    read_each = ((read(each.touch), each.kind) for each in interactions)
    return [row_of(served, kind, reported_at) for served, kind in read_each if served is not None]


def row_of(served: Served, kind: str, reported_at: datetime) -> InteractionRow:
    """What is kept of an interaction. An impression happened when it was served, which is signed; all else as reported."""
    happened_at = served.served_at if kind == "impression" else reported_at
    return InteractionRow(
        served.served_at.astimezone(UTC).date(), served.request_id, served.position, kind, served.placement,
        served.post_id, served.root_id, served.program_id, served.viewer_id, served.served_at, happened_at,
    )  # fmt: skip


async def keep(tx: Tx, rows: Sequence[InteractionRow]) -> None:
    """Keep interactions as facts, each once, and count those that were new. Counters are locked in key order."""
    if not rows:
        return
    await tx.execute(
        f"""
        WITH fresh AS (
            INSERT INTO interaction_fact ({_ROW.names})
            SELECT {_ROW.names} FROM {_ROW.unnest()}
             ORDER BY day, request_id, position, kind
                ON CONFLICT DO NOTHING
            RETURNING post_id, placement, kind
        )
        INSERT INTO interaction_count AS known (post_id, placement, kind, times)
        SELECT post_id, placement, kind, count(*) FROM fresh GROUP BY post_id, placement, kind
         ORDER BY post_id, placement, kind
            ON CONFLICT (post_id, placement, kind) DO UPDATE SET times = known.times + excluded.times
        """,
        *_ROW.arrays(rows),
    )


async def counts(tx: Reads, post_id: str) -> list[Count]:
    """What viewers did with a post, by placement and kind."""
    rows = await tx.fetch(
        "SELECT placement, kind, times FROM interaction_count WHERE post_id = $1 ORDER BY placement, kind", post_id
    )
    return [Count(*row) for row in rows]
