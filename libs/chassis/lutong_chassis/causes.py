"""Open parked records by what they have in common: the error without what varies, the event type, the merchant."""

from typing import Final

from pydantic import AwareDatetime, BaseModel

from lutong_chassis.database import Tx

COLUMNS: Final = """
    id, state, topic, partition, "offset", key, value, headers, event_id, type, correlation_id, reason, error, attempts, parked_at
"""
"""What is read of a parked record."""

HEADS: Final = rf"""
    SELECT {COLUMNS},
           coalesce(type, substring(encode(headers, 'escape') FROM '\["ce_type", "([^"\\]{{1,255}})"\]')) AS known_type,
           regexp_replace(error, '0x[0-9a-f]+|[0-9a-f-]{{8,}}|\d+|''[^'']*''', '…', 'gi') AS cause,
           substring(encode(substring(value FOR 4096), 'escape')
                     FROM '"merchant_id": ?"([A-Za-z0-9][A-Za-z0-9._-]{{0,63}})"') AS merchant_id
      FROM parked
     WHERE state = 'parked'
"""
"""Open heads with what a group has in common. A cause is an error without numbers, ids and quoted values."""

NAME: Final = """
    substring(encode(sha256(convert_to(concat_ws(E'\\n', reason, coalesce(known_type, ''), cause,
                                                 coalesce(merchant_id, '')), 'UTF8')), 'hex') FOR 16)
"""
"""The name of a head's group: a digest of what its records have in common."""


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
        f"""
        WITH head AS ({HEADS}),
        behind AS (
            SELECT topic, sha256(key) AS hash, count(*) AS records FROM parked WHERE state = 'waiting' GROUP BY 1, 2
        )
        SELECT {NAME} AS "group", known_type AS type, reason, cause, merchant_id, count(*) AS records,
               coalesce(sum(behind.records), 0)::bigint AS waiting, min(parked_at) AS first_at, max(parked_at) AS last_at,
               min(id) AS first_id
          FROM head LEFT JOIN behind ON behind.topic = head.topic AND behind.hash = sha256(head.key)
         GROUP BY known_type, reason, cause, merchant_id
         ORDER BY count(*) DESC, min(id)
         LIMIT $1
        """,
        rows_max,
    )
    return [Group.model_validate(dict(row)) for row in rows]
