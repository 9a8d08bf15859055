"""What stores took, by the day, and by whole weeks before and after their first order."""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_inventory.turnover.domain import WEEKS_LEAST, WEEKS_MOST, Side, Week


class DayRow(NamedTuple):
    """What a location took at its counter on a day."""

    location_id: str
    day: date
    currency: str
    amount_minor: int


class StoreWeeks(NamedTuple):
    """A store that was given orders, in which currency it took what, and its whole weeks."""

    location_id: str
    currency: str
    weeks: list[Week]


_DAY: Final = columns_of(DayRow)


async def save_days(tx: Tx, days: Sequence[DayRow]) -> None:
    """Write what locations took; what is reported again for a day holds instead."""
    await tx.execute(
        f"""
        INSERT INTO turnover ({_DAY.names})
        SELECT {_DAY.names} FROM {_DAY.unnest()}
            ON CONFLICT (location_id, day) DO UPDATE
           SET currency = excluded.currency, amount_minor = excluded.amount_minor, reported_at = now()
        """,
        *_DAY.arrays(sorted(days)),
    )


async def weeks_of(read: Reads, merchant_id: str, until: date) -> list[StoreWeeks]:
    """The whole weeks of a merchant's stores that reported what they took, up to a day on their own clocks.

    A week counts when all of its seven days were reported. What it took is what was reported and what it is credited with. It is
    compared with the stores that were never given an order and reported every day since eight weeks before the first one was.
    """
    rows = await read.fetch(
        """
        WITH store AS (
            SELECT location.location_id, code, zone, min(day) FILTER (WHERE orders > 0) AS joined,
                   least($2::date, (now() AT TIME ZONE zone)::date) AS until
              FROM location LEFT JOIN location_day USING (location_id)
             WHERE merchant_id = $1
             GROUP BY location.location_id
        ), span AS (SELECT min(joined) - 7 * $3::integer AS since, min(until) AS until FROM store
        ), credited AS (
            SELECT location_id, (booked_at AT TIME ZONE zone)::date AS day, currency, sum(amount_minor) AS minor
              FROM sales_entry JOIN store USING (location_id)
             WHERE merchant_id = $1
             GROUP BY 1, 2, 3
        ), steady AS (
            SELECT location_id
              FROM turnover JOIN store USING (location_id) CROSS JOIN span
             WHERE joined IS NULL AND day >= span.since AND day < span.until
             GROUP BY location_id, span.until, span.since
            HAVING count(*) = span.until - span.since
        ), control AS (
            SELECT day, currency, sum(amount_minor) AS minor FROM turnover JOIN steady USING (location_id) GROUP BY 1, 2
        ), daily AS (
            SELECT code, currency, day, amount_minor + coalesce(credited.minor, 0) AS minor, control.minor AS control_minor,
                   CASE WHEN day < joined THEN 'before' ELSE 'after' END AS side,
                   (CASE WHEN day < joined THEN joined ELSE until END - 1 - day) / 7 AS week
              FROM store JOIN turnover USING (location_id)
              LEFT JOIN credited USING (location_id, day, currency)
              LEFT JOIN control USING (day, currency)
             WHERE joined IS NOT NULL AND day < until
        )
        SELECT code, currency, side, sum(minor)::bigint AS minor,
               CASE WHEN count(control_minor) = 7 THEN sum(control_minor)::bigint END AS control_minor
          FROM daily
         WHERE week < $4
         GROUP BY code, currency, side, week
        HAVING count(*) = 7
         ORDER BY code, currency, side, week DESC
        """,
        merchant_id,
        until,
        WEEKS_LEAST,
        WEEKS_MOST,
    )
    found: dict[tuple[str, str], list[Week]] = {}
    for code, currency, side, minor, control_minor in rows:
        found.setdefault((code, currency), []).append(Week(side, minor, control_minor))
    return [StoreWeeks(*key, _comparable(weeks)) for key, weeks in found.items()]


def _comparable(weeks: Sequence[Week]) -> list[Week]:
    """The weeks that can be compared with other stores, where there are enough of them; else all of them, compared with none."""
    compared = [week for week in weeks if week.control_minor]
    sides: tuple[Side, ...] = ("before", "after")
    if all(sum(week.side == side for week in compared) >= WEEKS_LEAST for side in sides):
        return compared
    return [week._replace(control_minor=None) for week in weeks]
