"""SQL of rankings: who used what on which day, and what is counted of it."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_contracts.synthetic import OF_PEOPLE
from lutong_registry.rankings.domain import LATE_DAYS, Cohort, Counted, Span


class Opened(NamedTuple):
    """A viewer opened a program; `viewer_id` becomes a pseudonym on its way into the table."""

    program_id: str
    viewer_id: str
    day: date
    happened_at: datetime


class DayRow(NamedTuple):
    """How a program was used on a day."""

    day: date
    opened: int
    solved: int
    fulfilled: int
    users: int
    adjusted: int
    version: int


class OwnRow(NamedTuple):
    """A program that a viewer used, or may like."""

    program_id: str
    title: str
    category: str | None
    times: int
    last_at: datetime | None


_OPENED: Final = columns_of(Opened)
_DAY: Final = columns_of(DayRow)
_OF_ONE_OR_ALL: Final = f"(program_id = $3 OR $3::text IS NULL AND {OF_PEOPLE})"
"""A use of the program $3, or of all that people use."""
_PSEUDONYM: Final = "left(encode(sha256(convert_to(secret || ' ' || {}, 'UTF8')), 'hex'), 32)"


async def keep_active(tx: Tx, opened: Iterable[Opened], today: date) -> None:
    """Who was active, once a day and program; days that are closed are left as they are."""
    rows = [each for each in opened if each.day >= today - timedelta(days=LATE_DAYS)]
    if not rows:
        return
    await tx.execute(
        f"""
        WITH kept AS (
            INSERT INTO usage_active AS known (program_id, viewer, day, times, last_at)
            SELECT program_id, {_PSEUDONYM.format("viewer_id")}, day, count(*), max(happened_at)
              FROM {_OPENED.unnest()} CROSS JOIN usage_secret GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
                ON CONFLICT (program_id, viewer, day) DO UPDATE
               SET times = known.times + excluded.times, last_at = greatest(known.last_at, excluded.last_at)
            RETURNING program_id, day, xmax = 0 AS is_new
        )
        INSERT INTO program_day AS known (program_id, day, users)
        SELECT program_id, day, count(*) FROM kept WHERE is_new GROUP BY 1, 2 ORDER BY 1, 2
            ON CONFLICT (program_id, day) DO UPDATE SET users = known.users + excluded.users
        """,
        *_OPENED.arrays(rows),
    )


async def ranked(tx: Reads, now: Span, earlier: Span, category: str | None) -> list[Counted]:
    """Programs that may be promoted and that are used, with users of some days and of as many before; each user once."""
    rows = await tx.fetch(
        f"""
        SELECT program_id AS name, title, category,
               count(DISTINCT viewer) FILTER (WHERE day >= $2) AS users,
               coalesce(sum(times) FILTER (WHERE day >= $2), 0)::bigint AS opened,
               count(DISTINCT viewer) FILTER (WHERE day < $2) AS users_before
          FROM usage_active JOIN listing USING (program_id)
         WHERE day >= $1 AND day < $3 AND visible AND promotable AND {OF_PEOPLE} AND ($4::text IS NULL OR category = $4)
         GROUP BY program_id, title, category
        HAVING count(*) FILTER (WHERE day >= $2) > 0
        """,
        earlier.since,
        now.since,
        now.until,
        category,
    )
    return [Counted(*row) for row in rows]


async def categories(tx: Reads, now: Span, earlier: Span) -> list[Counted]:
    """The same of categories: a user of several programs of one counts once."""
    rows = await tx.fetch(
        f"""
        SELECT category AS name, category AS title, category,
               count(DISTINCT viewer) FILTER (WHERE day >= $2) AS users,
               coalesce(sum(times) FILTER (WHERE day >= $2), 0)::bigint AS opened,
               count(DISTINCT viewer) FILTER (WHERE day < $2) AS users_before
          FROM usage_active JOIN listing USING (program_id)
         WHERE day >= $1 AND day < $3 AND category IS NOT NULL AND {OF_PEOPLE}
         GROUP BY category
        """,
        earlier.since,
        now.since,
        now.until,
    )
    return [Counted(*row) for row in rows]


async def active(tx: Reads, span: Span, program_id: str | None) -> int:
    """How many were active in some days, of one program or of all: exactly, each once."""
    value = await tx.fetchval(
        f"""
        SELECT count(DISTINCT viewer) FROM usage_active
         WHERE day >= $1 AND day < $2 AND {_OF_ONE_OR_ALL}
        """,
        *span,
        program_id,
    )
    return int(value)


async def cohorts(tx: Reads, days: Span, program_id: str | None, retained_days: int) -> list[Cohort]:
    """Those new on each of some days, and of these how many came back: nobody else can be among them."""
    rows = await tx.fetch(
        f"""
        WITH used AS (
            SELECT DISTINCT viewer, day FROM usage_active WHERE {_OF_ONE_OR_ALL}
        ), fresh AS (
            SELECT viewer, min(day) AS day FROM used GROUP BY viewer
        )
        SELECT fresh.day, count(DISTINCT fresh.viewer) AS users,
               count(DISTINCT fresh.viewer) FILTER (WHERE used.day = fresh.day + $4::integer) AS d7,
               count(DISTINCT fresh.viewer) FILTER (WHERE used.day >= fresh.day + $4::integer) AS returned
          FROM fresh JOIN used USING (viewer)
         WHERE fresh.day >= $1 AND fresh.day < $2
         GROUP BY fresh.day
         ORDER BY fresh.day
        """,
        *days,
        program_id,
        retained_days,
    )
    return [Cohort(*row) for row in rows]


async def days_of(tx: Reads, program_id: str, days: Span) -> list[DayRow]:
    """A program's days, the newest first."""
    rows = await tx.fetch(
        f"""
        SELECT {_DAY.names} FROM program_day
         WHERE program_id = $1 AND day >= $2 AND day < $3 ORDER BY day DESC
        """,
        program_id,
        *days,
    )
    return [DayRow(*row) for row in rows]


async def used_by(tx: Reads, viewer_id: str, days: Span, order: str, limit: int) -> Sequence[OwnRow]:
    """What a viewer used in some days: what they used last, or most often, first."""
    last = order == "recent"
    rows = await tx.fetch(
        f"""
        SELECT program_id, title, category, sum(times)::bigint AS times, max(last_at) AS last_at
          FROM usage_secret
          JOIN usage_active ON viewer = {_PSEUDONYM.format("$1::text")}
          JOIN listing USING (program_id)
         WHERE day >= $2 AND day < $3 AND visible
         GROUP BY program_id, title, category
         ORDER BY {"max(last_at) DESC, program_id" if last else "sum(times) DESC, max(last_at) DESC, program_id"}
         LIMIT $4
        """,
        viewer_id,
        *days,
        limit,
    )
    return [OwnRow(*row) for row in rows]


async def liked_by_others(tx: Reads, viewer_id: str, days: Span, limit: int) -> Sequence[OwnRow]:
    """What those use who use what a viewer uses, and the viewer does not: by how many of them there are."""
    rows = await tx.fetch(
        f"""
        WITH own AS MATERIALIZED (
            SELECT DISTINCT program_id, viewer
              FROM usage_secret JOIN usage_active ON viewer = {_PSEUDONYM.format("$1::text")}
             WHERE day >= $2 AND day < $3
        ), alike AS MATERIALIZED (
            SELECT other.viewer, count(DISTINCT other.program_id) AS shared
              FROM own JOIN usage_active AS other ON other.program_id = own.program_id AND other.viewer <> own.viewer
             WHERE day >= $2 AND day < $3
             GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1000
        )
        SELECT program_id, title, category, count(DISTINCT viewer) AS times, NULL AS last_at
          FROM alike JOIN usage_active USING (viewer) JOIN listing USING (program_id)
         WHERE day >= $2 AND day < $3 AND visible AND promotable AND {OF_PEOPLE} AND program_id NOT IN (SELECT program_id FROM own)
         GROUP BY program_id, title, category
         ORDER BY times DESC, program_id
         LIMIT $4
        """,
        viewer_id,
        *days,
        limit,
    )
    return [OwnRow(*row) for row in rows]
