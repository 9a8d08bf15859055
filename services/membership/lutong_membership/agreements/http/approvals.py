"""What operators decide about debts, and the proposals that wait for another one."""

from dataclasses import replace
from typing import Annotated, Any, NamedTuple

from fastapi import Query
from pydantic import ConfigDict, StringConstraints

from lutong_chassis import Tx, TxDependency, Who, allowed, audited, not_found
from lutong_chassis.audit import Change, record
from lutong_contracts.values import Identifier
from lutong_membership.agreements.domain import approvals
from lutong_membership.agreements.domain.approvals import Adjustment, Proposal
from lutong_membership.agreements.http.commands import locked_line
from lutong_membership.agreements.http.decisions import ACTIONS, SHOWN, Decided, carry_out, concerned_by, decide
from lutong_membership.agreements.store import approvals as approval_store
from lutong_membership.agreements.store import statements as statement_store
from lutong_membership.bodies import Minor, ReasonBody, example, or_refused, router
from lutong_membership.ledger.domain.entries import Line
from lutong_membership.thresholds import AdjustmentKind


class Waiver(ReasonBody):
    """How much of which debt a member is let off."""

    model_config = ConfigDict(
        json_schema_extra=example(reason="the store was closed", debt_id="charge:a-1", amount_minor=500)
    )

    debt_id: Annotated[str, StringConstraints(pattern=r"^[a-z]+:[A-Za-z0-9._\-]{1,64}$")]
    amount_minor: Minor


class WriteOff(ReasonBody):
    """Why nothing more is expected."""

    model_config = ConfigDict(json_schema_extra=example(reason="the member cannot be found"))


class ApprovalBody(ReasonBody):
    """What an operator who looked at a proposal thinks of it."""

    model_config = ConfigDict(json_schema_extra=example(reason="agreed"))


@router.post("/v1/agreements/{agreement_id}/waivers", status_code=201)
@allowed("operator")
@audited(*ACTIONS["waiver"], shows=SHOWN)
async def waive_debt(agreement_id: Identifier, waiver: Waiver, who: Who, tx: TxDependency) -> Decided:
    """Let a member off part of a debt. Above the thresholds it is a proposal that another operator has to approve."""
    wanted = await _about(tx, agreement_id, "waiver", waiver.reason)
    return await decide(tx, who, replace(wanted, amount_minor=waiver.amount_minor, debt_id=waiver.debt_id))


@router.post("/v1/agreements/{agreement_id}/write-off", status_code=201)
@allowed("operator")
@audited(*ACTIONS["write_off"], shows=SHOWN)
async def write_off_agreement(agreement_id: Identifier, command: WriteOff, who: Who, tx: TxDependency) -> Decided:
    """Give up what an agreement owes, and end it. Above the thresholds another operator has to approve."""
    return await decide(tx, who, await _about(tx, agreement_id, "write_off", command.reason))


async def _about(tx: Tx, agreement_id: str, kind: AdjustmentKind, reason: str) -> Adjustment:
    """An adjustment of an agreement, without an amount yet. Raises Problem 404 when there is no such agreement."""
    found = await statement_store.agreement(tx, agreement_id) or not_found("signed agreement", agreement_id)
    return Adjustment(tx.new_id(), kind, found.member_id, found.currency, 0, reason, agreement_id)


@router.get("/v1/proposals")
@allowed("viewer")
async def list_proposals(tx: TxDependency, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> list[dict[str, Any]]:
    """What waits for a second pair of eyes, the oldest first."""
    return [each._asdict() for each in await approval_store.open_proposals(tx, limit)]


@router.post("/v1/proposals/{proposal_id}/approval")
@allowed("operator")
@audited("proposal.approve", shows=SHOWN)
async def approve(proposal_id: Identifier, verdict: ApprovalBody, who: Who, tx: TxDependency) -> dict[str, str]:
    """Approve what another operator proposed: it takes effect at once, or not at all. Twice is the same answer."""
    found, line = await _locked(tx, proposal_id)
    if await _is_new(tx, found, "approved", who):
        await approval_store.close_proposal(tx, proposal_id, "approved", who.subject)
        await carry_out(tx, who, found, line, verdict.reason)
    return {"proposal_id": proposal_id, "state": "approved"}


@router.post("/v1/proposals/{proposal_id}/rejection")
@allowed("operator")
@audited("proposal.reject")
async def reject(proposal_id: Identifier, verdict: ApprovalBody, who: Who, tx: TxDependency) -> dict[str, str]:
    """Reject what was proposed: nothing changes. Twice is the same answer."""
    found, _ = await _locked(tx, proposal_id)
    if await _is_new(tx, found, "rejected", who):
        await approval_store.close_proposal(tx, proposal_id, "rejected", who.subject)
        await record(tx, who, Change("proposal.reject", f"proposal:{proposal_id}", verdict.reason))
    return {"proposal_id": proposal_id, "state": "rejected"}


class LockedProposal(NamedTuple):
    """A proposal, and its member's line, both locked."""

    proposal: Proposal
    line: Line


async def _locked(tx: Tx, proposal_id: str) -> LockedProposal:
    """A proposal under the lock of its member's lines, which comes first everywhere."""
    seen = await approval_store.proposal(tx, proposal_id) or not_found("proposal", proposal_id)
    line = await locked_line(tx, seen.wanted.member_id, seen.wanted.currency)
    found = await approval_store.proposal(tx, proposal_id, lock=True) or not_found("proposal", proposal_id)
    return LockedProposal(found, line)


async def _is_new(tx: Tx, found: Proposal, verdict: approvals.Verdict, who: Who) -> bool:
    concerned = await concerned_by(tx, found.wanted)
    return or_refused(approvals.decided(found, verdict, who.subject, tx.now, concerned)) == "now"
