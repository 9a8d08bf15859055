"""Open parked records by what they have in common: the error without what varies, the event type, the merchant."""

from typing import Final

from pydantic import AwareDatetime, BaseModel

from lutong_chassis.database import Tx

COLUMNS: Final = """
    id, state, topic, partition, "offset", key, value, headers, event_id, type, correlation_id, reason, error, attempts, parked_at
"""
"""What is read of a parked record. What its group is, a trigger wrote when it was parked (migration 0013)."""


class Group(BaseModel):
    """Open parked records with one cause, type (its version is in it) and merchant: how many, and how many wait behind them."""

    group: str
    type: str | None
    reason: str
    cause: str
    merchant_id: str | None
    records: int
    waiting: int
    first_at: AwareDatetime
    last_at: AwareDatetime
    first_id: int


async def groups(tx: Tx, *, rows_max: int) -> list[Group]:
    """Groups of open parked records, the largest first."""
    rows = await tx.fetch(
        """
        WITH behind AS (
            SELECT topic, sha256(key) AS hash, count(*) AS records FROM parked WHERE state = 'waiting' GROUP BY 1, 2
        )
        SELECT group_name AS "group", group_type AS type, reason, group_cause AS cause, group_merchant AS merchant_id,
               count(*) AS records, coalesce(sum(behind.records), 0)::bigint AS waiting, min(parked_at) AS first_at,
               max(parked_at) AS last_at, min(id) AS first_id
          FROM parked AS head LEFT JOIN behind ON behind.topic = head.topic AND behind.hash = sha256(head.key)
         WHERE state = 'parked'
         GROUP BY group_name, group_type, reason, group_cause, group_merchant
         ORDER BY count(*) DESC, min(id)
         LIMIT $1
        """,
        rows_max,
    )
    return [Group.model_validate(dict(row)) for row in rows]
