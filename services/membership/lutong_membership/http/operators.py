"""What operators decide: letting members off, writing off. Above a threshold one proposes and another one approves."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query
from pydantic import ConfigDict, StringConstraints

from lutong_chassis import Problem, Tx, TxDependency, Who, allowed, audited, not_found
from lutong_chassis.audit import Change, record
from lutong_chassis.settings import chosen
from lutong_contracts.values import Identifier
from lutong_membership import store
from lutong_membership.domain.agreements import CLOSING, Refusal
from lutong_membership.domain.collection import waive
from lutong_membership.domain.dossier import Dossier, Outcome
from lutong_membership.domain.life import write_off
from lutong_membership.handlers.clock import clock
from lutong_membership.http.bodies import Because, Minor, example, open_one, router, settle_command
from lutong_membership.settings import MembershipSettings


class Waiver(Because):
    """How much of which debt a member is let off."""

    model_config = ConfigDict(
        json_schema_extra=example(reason="the store was closed", debt_id="charge:a-1", amount_minor=500)
    )

    debt_id: Annotated[str, StringConstraints(pattern=r"^[a-z]+:[A-Za-z0-9._\-]{1,64}$")]
    amount_minor: Minor


class WriteOff(Because):
    """Why nothing more is expected."""

    model_config = ConfigDict(json_schema_extra=example(reason="the member cannot be found"))


class Verdict(Because):
    """What somebody who looked at a proposal thinks of it."""

    model_config = ConfigDict(json_schema_extra=example(reason="agreed"))


@router.post("/v1/agreements/{agreement_id}/waivers", status_code=201)
@allowed("operator")
@audited("debt.waive", "debt.propose_waiver", shows=("debt_id", "proposal_id"))
async def waive_debt(agreement_id: Identifier, waiver: Waiver, who: Who, tx: TxDependency) -> dict[str, Any]:
    """Let a member off part of a debt. Above the threshold it is a proposal that another operator has to approve."""
    wanted = Wanted(tx.new_id(), "waiver", agreement_id, waiver.debt_id, waiver.amount_minor)
    return await _do_or_propose(tx, wanted, who, waiver.reason)


@router.post("/v1/agreements/{agreement_id}/write-off", status_code=201)
@allowed("operator")
@audited("agreement.write_off", "agreement.propose_write_off", shows=("debt_id", "proposal_id"))
async def write_off_agreement(
    agreement_id: Identifier, command: WriteOff, who: Who, tx: TxDependency
) -> dict[str, Any]:
    """Give up what an agreement owes, and end it. Above the threshold another operator has to approve."""
    return await _do_or_propose(tx, Wanted(tx.new_id(), "write_off", agreement_id), who, command.reason)


@router.get("/v1/proposals")
@allowed("viewer")
async def list_proposals(tx: TxDependency, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> list[dict[str, Any]]:
    """What waits for a second pair of eyes, the oldest first."""
    return [dict(row) for row in await store.open_proposals(tx, limit)]


@router.post("/v1/proposals/{proposal_id}/approval")
@allowed("operator")
@audited("proposal.approve")
async def approve(proposal_id: Identifier, verdict: Verdict, who: Who, tx: TxDependency) -> dict[str, str]:
    """Approve what another operator proposed; it takes effect at once, or not at all."""
    row = await _close(tx, proposal_id, "approved", who, verdict.reason)
    await _do(tx, Wanted(row["proposal_id"], row["kind"], row["agreement_id"], row["debt_id"], row["amount_minor"]))
    return {"proposal_id": proposal_id, "state": "approved"}


@router.post("/v1/proposals/{proposal_id}/rejection")
@allowed("operator")
@audited("proposal.reject")
async def reject(proposal_id: Identifier, verdict: Verdict, who: Who, tx: TxDependency) -> dict[str, str]:
    """Reject what was proposed; nothing changes."""
    await _close(tx, proposal_id, "rejected", who, verdict.reason)
    return {"proposal_id": proposal_id, "state": "rejected"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operator wants done. Of a write-off the amount is what is unpaid when it is done."""

    reference: str
    kind: str
    agreement_id: str
    debt_id: str | None = None
    amount_minor: int = 0


def _decide(dossier: Dossier, wanted: Wanted, tx: Tx) -> Outcome | Refusal:
    payable = {debt.debt_id: debt for debt in dossier.payable()}
    if wanted.kind == "write_off":
        if len(payable) < sum(bool(debt.outstanding_minor) for debt in dossier.debts.values()):
            return Refusal("deduction_under_way", "a deduction is under way: wait for its outcome")
        if not payable or dossier.agreement.state in CLOSING:
            return Refusal("nothing_owed", "nothing is owed under this agreement")
        return write_off(dossier, wanted.reference, clock(tx))
    debt = payable.get(wanted.debt_id or "")
    if debt is None or wanted.amount_minor > debt.outstanding_minor:
        return Refusal("not_owed", f"that much of debt {wanted.debt_id!r} is not open, or a deduction is under way")
    return waive(dossier, debt, wanted.amount_minor, wanted.reference, clock(tx))


_VERBS = {
    ("waiver", True): "debt.waive",
    ("waiver", False): "debt.propose_waiver",
    ("write_off", True): "agreement.write_off",
    ("write_off", False): "agreement.propose_write_off",
}


async def _do(tx: Tx, wanted: Wanted) -> None:
    desk, dossier = await open_one(tx, wanted.agreement_id, lambda _: True)
    await settle_command(tx, desk, _decide(dossier, wanted, tx))


async def _do_or_propose(tx: Tx, wanted: Wanted, who: Who, reason: str) -> dict[str, Any]:
    """Up to the threshold at once, above it once another operator has looked; audited either way."""
    desk, dossier = await open_one(tx, wanted.agreement_id, lambda _: True)
    outcome = _decide(dossier, wanted, tx)
    amount_minor = wanted.amount_minor or sum(debt.outstanding_minor for debt in dossier.payable())
    alone = amount_minor <= chosen(MembershipSettings).four_eyes_above_minor
    verb = _VERBS[wanted.kind, alone]
    after = {
        "amount_minor": amount_minor,
        "debt_id": wanted.debt_id,
        "proposal_id": None if alone else wanted.reference,
    }
    told = {name: value for name, value in after.items() if value is not None}
    await record(tx, who, Change(verb, f"agreement:{wanted.agreement_id}", reason, after=told))
    if alone or isinstance(outcome, Refusal):
        await settle_command(tx, desk, outcome)
        return {"state": "done", "amount_minor": amount_minor}
    proposal = (wanted.reference, wanted.kind, wanted.agreement_id, wanted.debt_id, amount_minor, reason)
    if not await store.propose(tx, (*proposal, who.subject)):
        raise Problem(409, "proposal_open", "the same is proposed already: see GET /v1/proposals")
    return {"state": "proposed", "proposal_id": wanted.reference, "amount_minor": amount_minor}


async def _close(tx: Tx, proposal_id: str, state: str, who: Who, reason: str) -> Any:  # noqa: ANN401  # a row of a proposal
    row = await store.lock_proposal(tx, proposal_id) or not_found("proposal", proposal_id)
    if row["state"] != "open":
        raise Problem(409, "proposal_closed", f"proposal {proposal_id!r} is {row['state']}")
    if row["proposed_by"] == who.subject:
        raise Problem(409, "own_proposal", "who proposed it cannot decide on it: ask another operator")
    await store.decide_proposal(tx, proposal_id, state, who.subject)
    verb = {"approved": "proposal.approve", "rejected": "proposal.reject"}[state]
    await record(tx, who, Change(verb, f"proposal:{proposal_id}", reason, {"state": "open"}, {"state": state}))
    return row
