"""Which locations declined orders lately, as the outbox still has it."""

from datetime import datetime
from typing import Final, NamedTuple

from lutong_chassis import Tx
from lutong_contracts.inventory import LocationDeclined

_ROWS_MAX: Final = 500


class DeclinesRow(NamedTuple):
    """How many orders a location declined, and why. `location_key` is that of its row."""

    merchant_id: str
    location_key: str
    declined: int
    reasons: list[str]
    last_at: datetime


async def declines(tx: Tx, merchant_id: str | None, since: datetime) -> list[DeclinesRow]:
    """By location, the one that declined most first; of a merchant, or of all. It reads the days of the outbox since then."""
    rows = await tx.fetch(
        """
        SELECT event ->> 'merchant_id' AS merchant_id, event ->> 'location_id' AS location_key, count(*) AS declined,
               array_agg(DISTINCT event ->> 'reason') AS reasons, max(written_at) AS last_at
          FROM outbox CROSS JOIN LATERAL (SELECT payload::json AS event) AS published
         WHERE type = $1 AND written_at >= $2 AND ($3::text IS NULL OR event ->> 'merchant_id' = $3)
         GROUP BY 1, 2
         ORDER BY declined DESC, last_at DESC
         LIMIT $4
        """,
        LocationDeclined.type,
        since,
        merchant_id,
        _ROWS_MAX,
    )
    return [DeclinesRow(*row) for row in rows]
