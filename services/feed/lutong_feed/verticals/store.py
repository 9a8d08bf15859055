"""SQL of verticals: what accounts write about, and how often they were read."""

from datetime import date
from typing import NamedTuple

from lutong_chassis import Reads, Tx


class VerticalReads(NamedTuple):
    """How many accounts write about something, and how often they were read in a month."""

    accounts: int
    reads: int


class MonthReads(NamedTuple):
    """How often an account was read in a month."""

    month: date
    reads: int


async def save(tx: Tx, account_id: str, vertical: str | None) -> None:
    """An account writes about something from now on, or about nothing in particular."""
    if vertical is None:
        await tx.execute("DELETE FROM account_vertical WHERE account_id = $1", account_id)
        return
    await tx.execute(
        """
        INSERT INTO account_vertical AS known (account_id, vertical) VALUES ($1, $2)
            ON CONFLICT (account_id) DO UPDATE SET vertical = excluded.vertical
        """,
        account_id,
        vertical,
    )


async def vertical_of(tx: Reads, account_id: str) -> str | None:
    """What an account writes about."""
    found: str | None = await tx.fetchval("SELECT vertical FROM account_vertical WHERE account_id = $1", account_id)
    return found


async def months_of(tx: Reads, account_id: str, most: int) -> list[MonthReads]:
    """How often an account was read, the latest months first."""
    rows = await tx.fetch(
        "SELECT month, reads FROM account_reads WHERE account_id = $1 ORDER BY month DESC LIMIT $2", account_id, most
    )
    return [MonthReads(*row) for row in rows]


async def reads_by_vertical(tx: Reads, month: date) -> dict[str, VerticalReads]:
    """What was read in a month, by what its accounts write about now."""
    rows = await tx.fetch(
        """
        SELECT vertical, count(*) AS accounts, coalesce(sum(reads), 0)::bigint AS reads
          FROM account_vertical
          LEFT JOIN account_reads ON account_reads.account_id = account_vertical.account_id AND month = $1
         GROUP BY vertical
        """,
        month,
    )
    return {row["vertical"]: VerticalReads(row["accounts"], row["reads"]) for row in rows}
