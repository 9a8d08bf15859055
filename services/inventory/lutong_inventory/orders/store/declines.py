"""Which locations declined orders lately: the decisions that gave them orders which they lost, by their own word."""

from datetime import datetime
from typing import Final, NamedTuple

from lutong_chassis import Reads
from lutong_inventory.orders.domain.report import LAPSED

_ROWS_MAX: Final = 500


class DeclinesRow(NamedTuple):
    """How many orders a location declined, and why. `location_key` is that of its row."""

    merchant_id: str
    location_key: str
    declined: int
    reasons: list[str]
    last_at: datetime


async def declines(read: Reads, merchant_id: str | None, since: datetime) -> list[DeclinesRow]:
    """By location, the one that declined most first; of a merchant, or of all."""
    rows = await read.fetch(
        """
        SELECT merchant_id, location_id, count(*) AS declined, array_agg(DISTINCT left_for) AS reasons, max(left_at) AS last_at
          FROM sourcing_decision JOIN location USING (location_id)
         WHERE left_at >= $1 AND left_for <> ALL ($2::text[]) AND ($3::text IS NULL OR merchant_id = $3)
         GROUP BY merchant_id, location_id
         ORDER BY declined DESC, last_at DESC
         LIMIT $4
        """,
        since,
        list(LAPSED),
        merchant_id,
        _ROWS_MAX,
    )
    return [DeclinesRow(*row) for row in rows]
