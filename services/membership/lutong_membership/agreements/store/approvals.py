"""What one operator proposes and another one approves, and the sums that one operator decided alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from lutong_chassis import Tx, columns
from lutong_membership.agreements.domain.approvals import Adjustment, Proposal, ProposalState, Spent, counted_with
from lutong_membership.thresholds import AdjustmentKind

_PROPOSAL: Final = """proposal_id, kind, agreement_id, debt_id, member_id, currency, amount_minor, reason, proposed_by,
                      proposed_at, expires_at, state, decided_by, decided_at"""


class WriteOffRow(NamedTuple):
    """A write-off that is proposed, under its own id."""

    agreement_id: str
    proposal_id: str


class ProposalRow(NamedTuple):
    """A proposal as it is stored and shown."""

    proposal_id: str
    kind: AdjustmentKind
    agreement_id: str | None
    debt_id: str | None
    member_id: str
    currency: str
    amount_minor: int
    reason: str
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime
    state: ProposalState
    decided_by: str | None
    decided_at: datetime | None

    @property
    def proposal(self) -> Proposal:
        """The proposal as rules take it."""
        wanted = Adjustment(
            reference=self.proposal_id,
            kind=self.kind,
            member_id=self.member_id,
            currency=self.currency,
            amount_minor=self.amount_minor,
            reason=self.reason,
            agreement_id=self.agreement_id,
            debt_id=self.debt_id,
        )
        return Proposal(wanted, self.proposed_by, self.expires_at, self.state, self.decided_by)


class DecisionRow(NamedTuple):
    """What was decided, with the limits of one person that applied; `amount_minor` is what counts towards them."""

    decision_id: str
    kind: AdjustmentKind
    member_id: str
    currency: str
    agreement_id: str | None
    debt_id: str | None
    amount_minor: int
    decided_by: str
    approved_by: str | None
    reason: str
    member_limit_minor: int
    operator_limit_minor: int
    counted_since: datetime


async def propose_write_offs(tx: Tx, agreement_ids: Sequence[str], expires_at: datetime) -> None:
    """Propose to write off what agreements owe, unless that is proposed already. An operator decides."""
    if not agreement_ids:
        return
    wanted = [WriteOffRow(agreement_id, tx.new_id()) for agreement_id in agreement_ids]
    await _expire(tx)
    await tx.execute(
        """
        INSERT INTO proposal (proposal_id, kind, agreement_id, member_id, currency, amount_minor, reason, proposed_by,
                              expires_at)
        SELECT proposal_id, 'write_off', agreement_id, member_id, currency,
               (SELECT coalesce(sum(outstanding_minor), 0) FROM debt WHERE debt.agreement_id = given.agreement_id),
               'nothing was paid until the top of the ladder', 'ladder', $3
          FROM unnest($1::text[], $2::text[]) AS given(agreement_id, proposal_id)
          JOIN agreement USING (agreement_id) JOIN plan USING (plan_id)
            ON CONFLICT (agreement_id, kind) WHERE state = 'open' DO NOTHING
        """,
        *columns(sorted(wanted), 2),
        expires_at,
    )


async def propose(tx: Tx, wanted: Adjustment, subject: str, expires_at: datetime) -> bool:
    """Keep a proposal; False when the same is proposed and open already."""
    await _expire(tx)
    return bool(
        await tx.fetchval(
            """
            INSERT INTO proposal (proposal_id, kind, agreement_id, debt_id, member_id, currency, amount_minor, reason,
                                  proposed_by, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                ON CONFLICT DO NOTHING
            RETURNING true
            """,
            *(wanted.reference, wanted.kind, wanted.agreement_id, wanted.debt_id, wanted.member_id, wanted.currency),
            *(wanted.amount_minor, wanted.reason, subject, expires_at),
        )
    )


async def _expire(tx: Tx) -> None:
    """Expire proposals whose time is over, so that new ones may be made. Locked ones are being decided, and skipped."""
    await tx.execute(
        """
        UPDATE proposal SET state = 'expired', decided_by = '-', decided_at = now()
         WHERE proposal_id IN (SELECT proposal_id FROM proposal WHERE state = 'open' AND expires_at <= now()
                                ORDER BY proposal_id FOR NO KEY UPDATE SKIP LOCKED)
        """
    )


async def proposal(tx: Tx, proposal_id: str, *, lock: bool = False) -> Proposal | None:
    """A proposal. Lock the lines of its member before it."""
    row = await tx.fetchrow(
        f"SELECT {_PROPOSAL} FROM proposal WHERE proposal_id = $1 {'FOR NO KEY UPDATE' if lock else ''}", proposal_id
    )
    return ProposalRow(**dict(row)).proposal if row else None


async def close_proposal(tx: Tx, proposal_id: str, state: str, subject: str) -> None:
    """Close a locked proposal."""
    await tx.execute(
        "UPDATE proposal SET state = $2, decided_by = $3, decided_at = now() WHERE proposal_id = $1 AND state = 'open'",
        proposal_id,
        state,
        subject,
    )


async def open_proposals(tx: Tx, limit: int) -> list[ProposalRow]:
    """Proposals that wait for another operator, the oldest first."""
    rows = await tx.fetch(
        f"""
        SELECT {_PROPOSAL}
          FROM proposal
         WHERE state = 'open' AND expires_at > now()
         ORDER BY proposed_at, proposal_id
         LIMIT $1
        """,
        limit,
    )
    return [ProposalRow(**dict(row)) for row in rows]


async def spent(tx: Tx, wanted: Adjustment, subject: str, since: datetime) -> Spent:
    """What was decided alone since then for this member, and by this operator.

    The lines of the member are locked, and the operator is, by name: no other transaction decides about either until commit.
    """
    await tx.lock("decides", [f"{subject} {wanted.currency}"])
    row = await tx.fetchrow(
        """
        SELECT coalesce(sum(amount_minor) FILTER (WHERE member_id = $1), 0)::bigint AS member_minor,
               coalesce(sum(amount_minor) FILTER (WHERE decided_by = $2), 0)::bigint AS operator_minor
          FROM decision
         WHERE approved_by IS NULL AND (member_id = $1 OR decided_by = $2)
           AND currency = $3 AND kind = ANY ($4) AND at > $5
        """,
        wanted.member_id,
        subject,
        wanted.currency,
        list(counted_with(wanted.kind)),
        since,
    )
    return Spent(row["member_minor"], row["operator_minor"]) if row else Spent()


async def keep_decision(tx: Tx, decision: DecisionRow) -> None:
    """Keep what was decided."""
    await tx.execute(
        """
        INSERT INTO decision (decision_id, kind, member_id, currency, agreement_id, debt_id, amount_minor, decided_by,
                              approved_by, reason, member_limit_minor, operator_limit_minor, counted_since)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        """,
        *decision,
    )


async def deduction_under_way(tx: Tx, member_id: str, currency: str) -> bool:
    """Whether money is perhaps being taken from a member right now: what is owed to them may change with its outcome."""
    return bool(
        await tx.fetchval(
            """
            SELECT EXISTS (SELECT FROM deduction
                            WHERE member_id = $1 AND currency = $2 AND state IN ('sent', 'unknown', 'taken'))
            """,
            member_id,
            currency,
        )
    )
