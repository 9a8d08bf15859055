"""SQL of promotions: allowances, the impressions that spent them, and what may be shown to a reader."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Annotated, Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import Sql, columns_of
from lutong_feed.promotions.domain import FORGOTTEN, PROGRAMS, SEEN_MAX, SEEN_WITHIN, Allowance, Impression, Item, Spent


class NewRow(NamedTuple):
    """An allowance that the registry gives."""

    spend_id: str
    promotion_id: str
    program_id: str
    placement: str
    pv: int
    ends_at: datetime


class _SpentRow(NamedTuple):
    request_id: Annotated[str, Sql("uuid")]
    position: Annotated[int, Sql("integer")]
    spend_id: str
    program_id: str
    viewer_id: str
    served_at: datetime


class _UsedRow(NamedTuple):
    spend_id: str
    used: int


_NEW: Final = columns_of(NewRow)
_SPENT: Final = columns_of(_SpentRow)
_USED: Final = columns_of(_UsedRow)
_ALLOWANCE: Final = ", ".join(Allowance._fields)
_FORGOTTEN_AT_ONCE: Final = 5_000


async def take(tx: Tx, rows: Sequence[NewRow]) -> None:
    """Take allowances, each once."""
    await tx.execute(
        f"INSERT INTO slot_allowance ({_NEW.names}) SELECT {_NEW.names} FROM {_NEW.unnest()} ON CONFLICT DO NOTHING",
        *_NEW.arrays(rows),
    )


async def lock_for(tx: Tx, impressions: Iterable[Impression]) -> list[Allowance]:
    """The open allowances that impressions may spend, locked in key order."""
    wanted = sorted({(each.program_id, each.placement) for each in impressions})
    return await _locked(
        tx,
        "(program_id, placement) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
        [program_id for program_id, _ in wanted],
        [placement for _, placement in wanted],
    )


async def lock_by_id(tx: Tx, spend_ids: Iterable[str]) -> list[Allowance]:
    """Open allowances, locked in key order."""
    return await _locked(tx, "spend_id = ANY ($1)", sorted(set(spend_ids)))


async def lock_of(tx: Tx, promotion_ids: Iterable[str]) -> list[Allowance]:
    """The open allowances of promotions, locked in key order."""
    return await _locked(tx, "promotion_id = ANY ($1)", sorted(set(promotion_ids)))


async def _locked(tx: Tx, which: str, *args: object) -> list[Allowance]:
    rows = await tx.fetch(
        f"""
        SELECT {_ALLOWANCE} FROM slot_allowance
         WHERE closed_at IS NULL AND {which} ORDER BY spend_id FOR NO KEY UPDATE
        """,
        *args,
    )
    return [Allowance(*row) for row in rows]


async def known(tx: Reads, impressions: Collection[Impression]) -> set[Item]:
    """Of these impressions, those that spent a page view before."""
    rows = await tx.fetch(
        """
        SELECT request_id::text, position
          FROM slot_impression JOIN unnest($1::uuid[], $2::integer[]) AS given (request_id, position) USING (request_id, position)
        """,
        [each.request_id for each in impressions],
        [each.position for each in impressions],
    )
    return {Item(row["request_id"], row["position"]) for row in rows}


async def spend(tx: Tx, spent: Sequence[Spent]) -> None:
    """Keep impressions that spend page views of allowances that are locked, and count them there."""
    rows = [_SpentRow(*each) for each in sorted(spent)]
    await tx.execute(
        f"INSERT INTO slot_impression ({_SPENT.names}) SELECT {_SPENT.names} FROM {_SPENT.unnest()}",
        *_SPENT.arrays(rows),
    )
    times: dict[str, int] = {}
    for each in rows:
        times[each.spend_id] = times.get(each.spend_id, 0) + 1
    await tx.execute(
        f"""
        UPDATE slot_allowance AS known SET used = known.used + given.used
          FROM {_USED.unnest("given")} WHERE known.spend_id = given.spend_id
        """,
        *_USED.arrays(_UsedRow(*each) for each in sorted(times.items())),
    )


async def close(tx: Tx, spend_ids: Iterable[str]) -> None:
    """Close allowances that are locked."""
    await tx.execute("UPDATE slot_allowance SET closed_at = now() WHERE spend_id = ANY ($1)", sorted(spend_ids))


async def forget(tx: Tx, now: datetime) -> None:
    """Forget what nobody can report on any more, with its impressions; some at a time."""
    await tx.execute(
        f"""
        WITH old AS (
            SELECT spend_id FROM slot_allowance
             WHERE closed_at IS NOT NULL AND ends_at < $1 ORDER BY ends_at LIMIT {_FORGOTTEN_AT_ONCE // 200}
               FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM slot_impression WHERE spend_id IN (SELECT spend_id FROM old)
        )
        DELETE FROM slot_allowance WHERE spend_id IN (SELECT spend_id FROM old)
        """,
        now - FORGOTTEN,
    )


async def programs(tx: Reads, placement: str, reader_id: str, now: datetime) -> list[str]:
    """Programs that pay for the place of a placement and have page views left, those that end first; none that the reader saw enough."""
    rows = await tx.fetch(
        f"""
        SELECT program_id
          FROM (SELECT program_id, min(ends_at) AS ends_at FROM slot_allowance
                 WHERE placement = $1 AND closed_at IS NULL AND ends_at > $3 AND used < pv
                 GROUP BY program_id) AS paying
         WHERE (SELECT count(*) FROM (SELECT FROM slot_impression AS seen
                                       WHERE seen.viewer_id = $2 AND seen.program_id = paying.program_id
                                         AND seen.served_at > $3 - $4::interval
                                       LIMIT {SEEN_MAX}) AS lately) < {SEEN_MAX}
         ORDER BY ends_at, program_id
         LIMIT {PROGRAMS}
        """,
        placement,
        reader_id,
        now,
        SEEN_WITHIN,
    )
    return [row["program_id"] for row in rows]
