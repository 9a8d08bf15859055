"""SQL of promotions, their allowances, and who was shown what they paid for."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_registry.traffic.domain.promotions import Promotion


class PromotionRow(NamedTuple):
    """A promotion as its merchant wants it."""

    promotion_id: str
    program_id: str
    placement: str
    pv: int
    ends_at: datetime


class ShownRow(NamedTuple):
    """A visitor was shown a program on a day in a place that was paid for."""

    program_id: str
    day: date
    visitor: str


_ROW: Final = columns_of(PromotionRow)
_SHOWN: Final = columns_of(ShownRow)
_PROMOTIONS: Final = """
    SELECT promotion_id, program_id, placement, pv, ends_at, ended_at IS NOT NULL,
           coalesce((SELECT sum(used) FROM traffic_spend AS s WHERE s.promotion_id = promotion.promotion_id), 0)::bigint,
           EXISTS (SELECT FROM traffic_spend AS s WHERE s.promotion_id = promotion.promotion_id AND s.state = 'reserved')
      FROM promotion
"""


async def lock(tx: Tx, promotion_id: str) -> Promotion | None:
    """A promotion, locked."""
    row = await tx.fetchrow(f"{_PROMOTIONS} WHERE promotion_id = $1 FOR NO KEY UPDATE OF promotion", promotion_id)
    return Promotion(*row) if row else None


async def lock_open(tx: Tx, program_ids: Iterable[str]) -> list[Promotion]:
    """The promotions of programs that are not ended, locked in key order. Lock the accounts first."""
    rows = await tx.fetch(
        f"""
        {_PROMOTIONS} WHERE program_id = ANY ($1) AND ended_at IS NULL
         ORDER BY promotion_id FOR NO KEY UPDATE OF promotion
        """,
        sorted(set(program_ids)),
    )
    return [Promotion(*row) for row in rows]


async def of_program(tx: Reads, program_id: str) -> list[Promotion]:
    """The promotions of a program, the latest first."""
    rows = await tx.fetch(
        f"{_PROMOTIONS} WHERE program_id = $1 ORDER BY began_at DESC, promotion_id LIMIT 100", program_id
    )
    return [Promotion(*row) for row in rows]


async def end_past(tx: Tx, program_id: str, placement: str) -> None:
    """End what is past its time, so that another one can begin."""
    await tx.execute(
        """
        UPDATE promotion SET ended_at = ends_at
         WHERE program_id = $1 AND placement = $2 AND ended_at IS NULL AND ends_at <= now()
        """,
        program_id,
        placement,
    )


async def save(tx: Tx, row: PromotionRow) -> bool:
    """Keep a promotion that is not ended; gives whether it is there now. Not when the placement has another one of the program."""
    found = await tx.fetchval(
        f"""
        INSERT INTO promotion AS known ({_ROW.names}) SELECT {_ROW.names} FROM {_ROW.unnest()}
         WHERE NOT EXISTS (SELECT FROM promotion AS other
                            WHERE other.program_id = $2[1] AND other.placement = $3[1] AND other.ended_at IS NULL
                              AND other.promotion_id <> $1[1])
            ON CONFLICT (promotion_id) DO UPDATE SET pv = excluded.pv, ends_at = excluded.ends_at
         WHERE known.ended_at IS NULL AND known.program_id = excluded.program_id AND known.placement = excluded.placement
        RETURNING true
        """,
        *_ROW.arrays([row]),
    )
    return bool(found)


async def end(tx: Tx, promotion_id: str) -> None:
    """End a promotion that is locked."""
    await tx.execute("UPDATE promotion SET ended_at = now() WHERE promotion_id = $1", promotion_id)


async def keep_shown(tx: Tx, rows: Sequence[ShownRow]) -> None:
    """Keep who was shown what; once a day is enough. What is of longer ago than any visit that still counts is dropped."""
    await tx.execute(
        f"INSERT INTO traffic_shown ({_SHOWN.names}) SELECT {_SHOWN.names} FROM {_SHOWN.unnest()} ON CONFLICT DO NOTHING",
        *_SHOWN.arrays(sorted(set(rows))),
    )
    await tx.execute(
        "DELETE FROM traffic_shown WHERE program_id = ANY ($1) AND day < (now() - interval '9 days')::date",
        sorted({row.program_id for row in rows}),
    )
