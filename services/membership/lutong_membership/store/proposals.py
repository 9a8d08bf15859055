"""What one operator proposes and another one approves."""

from collections.abc import Sequence

import asyncpg

from lutong_chassis import Tx, columns
from lutong_contracts import Event
from lutong_contracts.membership import AgreementOverdue


async def propose_write_offs(tx: Tx, said: Sequence[Event]) -> None:
    """The top of the ladder: propose to write off what agreements owe. An operator decides."""
    wanted = [
        (event.agreement_id, tx.new_id())
        for event in said
        if isinstance(event, AgreementOverdue) and event.step == "proposed"
    ]
    if wanted:
        await tx.execute(
            """
            INSERT INTO proposal (proposal_id, kind, agreement_id, amount_minor, reason, proposed_by)
            SELECT proposal_id, 'write_off', agreement_id,
                   (SELECT coalesce(sum(outstanding_minor), 0) FROM debt WHERE debt.agreement_id = given.agreement_id),
                   'nothing was paid until the top of the ladder', 'ladder'
              FROM unnest($1::text[], $2::text[]) AS given(agreement_id, proposal_id)
                ON CONFLICT (agreement_id, kind) WHERE state = 'open' DO NOTHING
            """,
            *columns(sorted(wanted), 2),
        )


async def propose(tx: Tx, row: Sequence[object]) -> bool:
    """Keep a proposal, given as (id, kind, agreement, debt, amount, reason, actor); False when one is open already."""
    return bool(
        await tx.fetchval(
            """
            INSERT INTO proposal (proposal_id, kind, agreement_id, debt_id, amount_minor, reason, proposed_by)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
                ON CONFLICT (agreement_id, kind) WHERE state = 'open' DO NOTHING
            RETURNING true
            """,
            *row,
        )
    )


async def lock_proposal(tx: Tx, proposal_id: str) -> asyncpg.Record | None:
    """A proposal, locked."""
    return await tx.fetchrow("SELECT * FROM proposal WHERE proposal_id = $1 FOR NO KEY UPDATE", proposal_id)


async def decide_proposal(tx: Tx, proposal_id: str, state: str, actor: str) -> None:
    """Close a locked proposal."""
    await tx.execute(
        "UPDATE proposal SET state = $2, decided_by = $3, decided_at = now() WHERE proposal_id = $1",
        proposal_id,
        state,
        actor,
    )


async def open_proposals(tx: Tx, limit: int) -> list[asyncpg.Record]:
    """What waits for a second pair of eyes, the oldest first."""
    return await tx.fetch(
        "SELECT * FROM proposal WHERE state = 'open' ORDER BY proposed_at, proposal_id LIMIT $1", limit
    )
