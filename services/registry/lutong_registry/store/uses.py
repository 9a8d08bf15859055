"""Where posts led, and how often programs were used."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from lutong_chassis import Reads, Tx, columns
from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound


async def save_discoveries(tx: Tx, outcomes: Sequence[ServiceDiscovered | ServiceNotFound]) -> None:
    """Remember where posts led; a post that is published again is looked up again."""
    rows = [
        (outcome.post_id, outcome.program_id, None)
        if isinstance(outcome, ServiceDiscovered)
        else (outcome.post_id, None, outcome.reason)
        for outcome in {outcome.post_id: outcome for outcome in outcomes}.values()
    ]
    await tx.execute(
        """
        INSERT INTO discovery (post_id, program_id, reason)
        SELECT *
          FROM unnest($1::text[], $2::text[], $3::text[])
            ON CONFLICT (post_id) DO UPDATE SET program_id = excluded.program_id, reason = excluded.reason
        """,
        *columns(sorted(rows, key=lambda row: str(row[0])), 3),
    )


async def count_usage(tx: Tx, program_ids: Sequence[str], kind: str) -> None:
    """Count one use per given id; `kind` is opened, solved or fulfilled."""
    await tx.execute(
        f"""
        INSERT INTO usage AS known (program_id, {kind})
        SELECT program_id, count(*) FROM unnest($1::text[]) AS program_id GROUP BY program_id ORDER BY program_id
            ON CONFLICT (program_id) DO UPDATE SET {kind} = known.{kind} + excluded.{kind}
        """,
        list(program_ids),
    )


async def discovery(tx: Reads, post_id: str) -> asyncpg.Record | None:
    """Where a post led."""
    return await tx.fetchrow(
        "SELECT post_id, program_id, reason, discovered_at FROM discovery WHERE post_id = $1", post_id
    )


async def usage(tx: Reads, program_id: str) -> dict[str, int]:
    """How often a program was used."""
    row = await tx.fetchrow("SELECT opened, solved, fulfilled FROM usage WHERE program_id = $1", program_id)
    return dict(row) if row else {"opened": 0, "solved": 0, "fulfilled": 0}


async def summary(tx: Reads) -> dict[str, Any]:
    """Counts that an operator or a replay compares: totals, and what they are made of."""
    states: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    for row in await tx.fetch(
        """
        SELECT true AS of_programs, count(*) AS total,
               CASE WHEN suspended_for IS NOT NULL THEN 'suspended'
                    WHEN listing.program_id IS NOT NULL THEN 'released' ELSE 'not_released' END AS word
          FROM program LEFT JOIN listing USING (program_id)
         GROUP BY word
         UNION ALL
        SELECT false, count(*), coalesce(reason, 'discovered') AS word FROM discovery GROUP BY word
        """
    ):
        (states if row["of_programs"] else outcomes)[row["word"]] = row["total"]
    discovered = outcomes.get("discovered", 0)
    return {
        "programs": sum(states.values()),
        "visible": states.get("released", 0),
        "discovered": discovered,
        "not_found": sum(outcomes.values()) - discovered,
        "programs_by_state": states,
        "discoveries_by_outcome": outcomes,
    }
