"""Credit lines: locked in key order, opened, looked at. They move with their entries, in `ledger.post`."""

from collections.abc import Iterable, Sequence

from lutong_chassis import Reads, Tx, columns
from lutong_membership.ledger.domain.entries import Line, LineKey

_COLUMNS = """member_id, currency, limit_minor, held_minor, owed_minor, charged_minor, uncovered_minor, credit_minor,
              target_minor, entries, head"""


async def lock_lines(tx: Tx, members: Iterable[str]) -> dict[LineKey, Line]:
    """All credit lines of members, locked in key order: no other transaction decides what these members have until commit."""
    rows = await tx.fetch(
        f"""
        SELECT {_COLUMNS}
          FROM credit_line
         WHERE member_id = ANY ($1)
         ORDER BY member_id, currency
           FOR NO KEY UPDATE
        """,
        sorted(set(members)),
    )
    lines = (Line(**dict(row)) for row in rows)
    return {line.key: line for line in lines}


async def read_lines(tx: Reads, member_id: str) -> list[Line]:
    """A member's credit lines, for looking at."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM credit_line WHERE member_id = $1 ORDER BY currency", member_id)
    return [Line(**dict(row)) for row in rows]


async def open_lines(tx: Tx, lines: Sequence[Line]) -> None:
    """Make room for new lines; their first entries give them their limits."""
    await tx.execute(
        "INSERT INTO credit_line (member_id, currency, limit_minor) SELECT *, 0 FROM unnest($1::text[], $2::text[])",
        *columns(sorted(line.key for line in lines), 2),
    )
