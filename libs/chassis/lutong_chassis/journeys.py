"""Journeys: what a service knows of one, and who may continue one that others are on."""

from collections.abc import Iterable
from typing import Any, Final

import asyncpg

from lutong_chassis.auth import Principal
from lutong_chassis.database import Tx, columns

ROWS_MAX: Final = 2_000

_LOOKED_AT_MAX: Final = 1_000
"""How many events of a journey are looked at for the names of those whom it concerns; those come early."""


async def may_continue(tx: Tx, who: Principal, correlation_id: str) -> bool:
    """Whether somebody may act on a journey: staff, whoever an event of it names, and anybody while nothing is known of it.

    A journey that is not known here may be one of the caller's own system.
    """
    return not await foreign(tx, [(who, correlation_id)])


async def foreign(tx: Tx, named: Iterable[tuple[Principal, str]]) -> set[tuple[str, str]]:
    """Which journeys concern others, of those that were named; as (identity of who named it, journey)."""
    asked = sorted(
        {(who.identity, name, who.member_id, who.merchant_id) for who, name in named if not who.is_staff}, key=str
    )
    if not asked:
        return set()
    rows = await tx.fetch(
        """
        SELECT identity, asked.correlation_id
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
               AS asked(identity, correlation_id, member_id, merchant_id)
         CROSS JOIN LATERAL (
               SELECT count(*) AS events,
                      bool_or(member_id IN (event ->> 'author_id', event ->> 'viewer_id', event ->> 'member_id')
                              OR merchant_id = event ->> 'merchant_id') AS concerns
                 FROM (SELECT payload::json AS event FROM outbox
                        WHERE outbox.correlation_id = asked.correlation_id LIMIT $5) AS said
               ) AS known
         WHERE concerns IS NOT TRUE
           AND (events > 0 OR EXISTS (SELECT FROM inbox WHERE inbox.correlation_id = asked.correlation_id))
        """,
        *columns(asked, 4),
        _LOOKED_AT_MAX,
    )
    return {(row["identity"], row["correlation_id"]) for row in rows}


async def records(
    tx: Tx, correlation_id: str, key: str | None = None, rows_max: int = ROWS_MAX
) -> tuple[list[dict[str, Any]], int]:
    """What was said and heard on a journey (with one key, if one is given), oldest first; and how much there is in all."""
    rows = await tx.fetch(
        """
        SELECT *, count(*) OVER () AS total
          FROM (SELECT 'said' AS direction, event_id::text AS event_id, type, topic, key, sequence, causation_id,
                       written_at AS at, NULL AS source,
                       NOT EXISTS (SELECT FROM pending
                                    WHERE pending.shard = outbox.shard AND pending.id = outbox.id) AS published
                  FROM outbox
                 WHERE correlation_id = $1
                 UNION ALL
                SELECT 'heard', id, type, topic, key, sequence, causation_id, received_at, source, true
                  FROM inbox
                 WHERE correlation_id = $1) AS record
         WHERE $2::text IS NULL OR key = $2
         ORDER BY at, direction
         LIMIT $3
        """,
        correlation_id,
        key,
        rows_max,
    )
    found = [dict(row) for row in rows]
    return found, found[0]["total"] if found else 0


async def of(tx: Tx, wanted: str, rows_max: int = 100) -> list[asyncpg.Record]:
    """Rows of (journey, is_event, at) of what this service said or took in; `at` is the first moment of each.

    Reads the whole outbox and inbox, which retention keeps short: people ask this, one at a time.
    """
    return await tx.fetch(
        """
        SELECT correlation_id AS journey, bool_or(event_id = $1) AS is_event, min(at) AS at
          FROM (SELECT correlation_id, event_id::text AS event_id, key, type, written_at AS at FROM outbox
                 UNION ALL
                SELECT correlation_id, id, key, type, received_at FROM inbox) AS known
         WHERE (event_id = $1 OR key = $1) AND type NOT LIKE '%.action-audited.%'
         GROUP BY correlation_id
         ORDER BY is_event DESC, at DESC
         LIMIT $2
        """,
        wanted,
        rows_max,
    )
