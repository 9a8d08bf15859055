"""Credit lines: locked in key order, moved by conditional updates."""

from collections.abc import Sequence

from lutong_chassis import Tx, columns
from lutong_membership.domain import Line


class OverLimitError(RuntimeError):
    """A movement was decided that the line does not allow: a bug, caught before it costs anybody money."""


async def lock_lines(tx: Tx, members: Sequence[str]) -> list[Line]:
    """Credit lines of members, locked in key order."""
    rows = await tx.fetch(
        """
        SELECT member_id, currency, limit_minor, held_minor, owed_minor
          FROM credit_line
         WHERE member_id = ANY ($1)
         ORDER BY member_id, currency
           FOR NO KEY UPDATE
        """,
        members,
    )
    return [Line(**dict(row)) for row in rows]


async def read_lines(tx: Tx, member_id: str) -> list[Line]:
    """A member's credit lines, for looking at."""
    rows = await tx.fetch(
        """
        SELECT member_id, currency, limit_minor, held_minor, owed_minor
          FROM credit_line
         WHERE member_id = $1
         ORDER BY currency
        """,
        member_id,
    )
    return [Line(**dict(row)) for row in rows]


async def open_lines(tx: Tx, lines: Sequence[Line]) -> None:
    """Open lines with nothing held or owed yet."""
    await tx.execute(
        """
        INSERT INTO credit_line (member_id, currency, limit_minor)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
        """,
        *columns([(line.member_id, line.currency, line.limit_minor) for line in lines], 3),
    )


async def move_lines(tx: Tx, moves: Sequence[tuple[Line, int, int]]) -> None:
    """Add to held and owed, given as (line, held delta, owed delta); never beyond a limit, never below zero."""
    if not moves:
        return
    touched = {(line.member_id, line.currency) for line, _, _ in moves}
    tag = await tx.execute(
        """
        UPDATE credit_line AS line
           SET held_minor = held_minor + held_delta, owed_minor = owed_minor + owed_delta
          FROM (SELECT member_id, currency, sum(held)::bigint AS held_delta, sum(owed)::bigint AS owed_delta
                  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS moved(member_id, currency, held, owed)
                 GROUP BY member_id, currency) AS moved
         WHERE line.member_id = moved.member_id AND line.currency = moved.currency
           AND held_minor + held_delta >= 0 AND owed_minor + owed_delta >= 0
           AND held_minor + held_delta + owed_minor + owed_delta <= limit_minor
        """,
        *columns([(line.member_id, line.currency, held, owed) for line, held, owed in moves], 4),
    )
    if tag != f"UPDATE {len(touched)}":
        raise OverLimitError


async def save_limit(tx: Tx, line: Line, limit_minor: int) -> None:
    """Set a line's limit; the caller has decided that it covers what is held and owed."""
    await tx.execute(
        "UPDATE credit_line SET limit_minor = $3 WHERE member_id = $1 AND currency = $2",
        line.member_id,
        line.currency,
        limit_minor,
    )
