"""Withdrawals of versions."""

from datetime import datetime
from typing import NamedTuple

from lutong_chassis import Reads, Tx


class Withdrawals(NamedTuple):
    """When versions of a program were withdrawn lately, and what time it is for the database."""

    at: list[datetime]
    now: datetime


async def withdrawals(tx: Reads, program_id: str) -> Withdrawals:
    """Withdrawals of the last 32 days, which hold any month."""
    (row,) = await tx.fetch(
        """
        SELECT ARRAY(SELECT withdrawn_at FROM withdrawal
                      WHERE program_id = $1 AND withdrawn_at > now() - interval '32 days'), now()
        """,
        program_id,
    )
    return Withdrawals(*row)


async def save_withdrawal(tx: Tx, program_id: str, number: int) -> None:
    """One more withdrawal; those of months ago are forgotten."""
    await tx.execute(
        "DELETE FROM withdrawal WHERE program_id = $1 AND withdrawn_at < now() - interval '32 days'", program_id
    )
    await tx.execute(
        "INSERT INTO withdrawal (program_id, withdrawn_at, number) VALUES ($1, now(), $2)", program_id, number
    )
