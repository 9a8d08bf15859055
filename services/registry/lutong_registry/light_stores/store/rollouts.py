"""Rollouts: how far a version is on its way to the stores."""

from dataclasses import fields
from typing import Final

import asyncpg

from lutong_chassis import Reads, Tx
from lutong_registry.light_stores.domain.rollouts import Rollout

_COLUMNS: Final = ", ".join(f"light_rollout.{each.name}" for each in fields(Rollout))


async def start(tx: Tx, rollout: Rollout) -> bool:
    """Begin a rollout; gives whether it was: there is one at a time."""
    row = await tx.fetchrow(
        """
        INSERT INTO light_rollout (rollout_id, template_id, version, state, bound, wait_s, errors_max, next_at)
        VALUES ($1, $2, $3, 'running', $4, $5, $6, $7)
            ON CONFLICT (template_id) WHERE state IN ('running', 'reverting') DO NOTHING
        RETURNING rollout_id
        """,
        rollout.rollout_id,
        rollout.template_id,
        rollout.version,
        rollout.bound,
        rollout.wait_s,
        rollout.errors_max,
        rollout.next_at,
    )
    return row is not None


async def due(tx: Tx) -> str | None:
    """The rollout that waits longest for its next step."""
    found: str | None = await tx.fetchval(
        """
        SELECT rollout_id
          FROM light_rollout
         WHERE state IN ('running', 'reverting') AND next_at <= now()
         ORDER BY next_at, rollout_id
         LIMIT 1
        """
    )
    return found


async def lock(tx: Tx, rollout_id: str) -> Rollout | None:
    """A rollout that is due, locked with its template; none when another process took the step meanwhile."""
    row = await tx.fetchrow(
        f"""
        SELECT {_COLUMNS}
          FROM light_template JOIN light_rollout USING (template_id)
         WHERE rollout_id = $1 AND state IN ('running', 'reverting') AND next_at <= now()
           FOR NO KEY UPDATE
        """,
        rollout_id,
    )
    return _rollout(row) if row else None


async def running(tx: Tx, template_id: str) -> Rollout | None:
    """The rollout that a template has under way; the template is locked."""
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM light_rollout WHERE template_id = $1 AND state = 'running' FOR UPDATE", template_id
    )
    return _rollout(row) if row else None


async def last(tx: Reads, template_id: str) -> Rollout | None:
    """The rollout of a template that began last."""
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM light_rollout WHERE template_id = $1 ORDER BY started_at DESC, rollout_id DESC LIMIT 1",
        template_id,
    )
    return _rollout(row) if row else None


async def save(tx: Tx, rollout: Rollout) -> None:
    """Keep a rollout as it is now."""
    await tx.execute(
        """
        UPDATE light_rollout
           SET state = $2, stage = $3, bound = $4, next_at = $5, upgraded = $6, conflicts = $7, skipped = $8, errors = $9,
               reverted = $10, reason = $11, detail = $12
         WHERE rollout_id = $1
        """,
        rollout.rollout_id,
        rollout.state,
        rollout.stage,
        rollout.bound,
        rollout.next_at,
        rollout.upgraded,
        rollout.conflicts,
        rollout.skipped,
        rollout.errors,
        rollout.reverted,
        rollout.reason,
        rollout.detail,
    )


def _rollout(row: asyncpg.Record) -> Rollout:
    return Rollout(**dict(row))
