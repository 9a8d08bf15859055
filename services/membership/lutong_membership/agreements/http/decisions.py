"""How operators decide about money: alone up to the thresholds, above them one proposes and another one approves."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from pydantic import BaseModel

from lutong_chassis import Problem, Tx, Who
from lutong_chassis.audit import Change, record
from lutong_membership.agreements.domain.adjustments import adjust, amount_of, pay_out
from lutong_membership.agreements.domain.approvals import (
    Adjustment,
    Proposal,
    decides_alone,
    weight,
    why_not_as_proposed,
    why_not_theirs,
)
from lutong_membership.agreements.http.commands import locked_line, open_one, settle_command
from lutong_membership.agreements.store import approvals as approval_store
from lutong_membership.agreements.store import statements as statement_store
from lutong_membership.agreements.store.approvals import DecisionRow
from lutong_membership.bodies import or_refused
from lutong_membership.ledger.domain.entries import Line, retargeted
from lutong_membership.ledger.store import entries as ledger_store
from lutong_membership.policy import clock, policy
from lutong_membership.thresholds import AdjustmentKind


class Actions(NamedTuple):
    """What the audit calls a decision: when it is carried out at once, and when it is proposed."""

    done: str
    proposed: str


ACTIONS: Final[Mapping[AdjustmentKind, Actions]] = {
    "payout": Actions("payout.make", "payout.propose"),
    "line": Actions("line.set", "line.propose"),
    "waiver": Actions("debt.waive", "debt.propose_waiver"),
    "write_off": Actions("agreement.write_off", "agreement.propose_write_off"),
}
_LINE: Final = ("target_minor", "credit_minor", "owed_minor", "charged_minor", "uncovered_minor")
SHOWN: Final = ("decision_id", "debt_id", *_LINE)
"""The fields that audit rows of decisions show."""


class Decided(BaseModel):
    """Whether it is done, or proposed: then under which id another operator approves it."""

    state: Literal["done", "proposed"]
    amount_minor: int
    proposal_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """Something that may be done now: how much it comes to, and how it is written."""

    amount_minor: int
    write: Callable[[], Awaitable[object]]


async def decide(tx: Tx, who: Who, wanted: Adjustment) -> Decided:
    """Do it, when one person is enough; else propose it. Audited either way. 404, or 409 when it cannot be done."""
    line = await locked_line(tx, wanted.member_id, wanted.currency)
    or_refused(why_not_theirs(who.subject, await concerned_by(tx, wanted)))
    ready = await _PREPARE[wanted.kind](tx, wanted, line)
    wanted = _with_amount(wanted, ready)
    spent = await approval_store.spent(tx, wanted, who.subject, tx.now - policy().period)
    if not decides_alone(policy(), wanted, weight(wanted, line.target_minor), spent):
        return await _propose(tx, who, wanted)
    await ready.write()
    await _keep(tx, wanted, line, decided_by=who.subject)
    await _record_done(tx, who, _change(wanted, ACTIONS[wanted.kind].done, wanted.reason), line)
    return Decided(state="done", amount_minor=wanted.amount_minor)


async def _propose(tx: Tx, who: Who, wanted: Adjustment) -> Decided:
    if not await approval_store.propose(tx, wanted, who.subject, tx.now + policy().proposal_life):
        raise Problem(409, "proposal_open", "the same is proposed already: see GET /v1/proposals")
    await record(tx, who, _change(wanted, ACTIONS[wanted.kind].proposed, wanted.reason))
    return Decided(state="proposed", amount_minor=wanted.amount_minor, proposal_id=wanted.reference)


async def carry_out(tx: Tx, who: Who, proposal: Proposal, line: Line, reason: str) -> None:
    """Do what was proposed, now that another operator approved it; for no more than what they looked at."""
    wanted = proposal.wanted
    ready = await _PREPARE[wanted.kind](tx, wanted, line)
    or_refused(why_not_as_proposed(wanted, ready.amount_minor))
    wanted = _with_amount(wanted, ready)
    await ready.write()
    await _keep(tx, wanted, line, decided_by=proposal.proposed_by, approved_by=who.subject)
    await _record_done(tx, who, _change(wanted, "proposal.approve", reason), line)


async def _keep(tx: Tx, wanted: Adjustment, line: Line, *, decided_by: str, approved_by: str | None = None) -> None:
    """Keep the decision with the limits that applied: later decisions of one person count it."""
    limits = policy().limits(wanted.kind, wanted.currency)
    decision = DecisionRow(
        decision_id=wanted.reference,
        kind=wanted.kind,
        member_id=wanted.member_id,
        currency=wanted.currency,
        agreement_id=wanted.agreement_id,
        debt_id=wanted.debt_id,
        amount_minor=weight(wanted, line.target_minor),
        decided_by=decided_by,
        approved_by=approved_by,
        reason=wanted.reason,
        member_limit_minor=limits.member_minor,
        operator_limit_minor=limits.operator_minor,
        counted_since=tx.now - policy().period,
    )
    await approval_store.keep_decision(tx, decision)


async def concerned_by(tx: Tx, wanted: Adjustment) -> frozenset[str]:
    """The member, and the merchant of the agreement when it is about one: neither may decide about it."""
    found = await statement_store.agreement(tx, wanted.agreement_id) if wanted.agreement_id else None
    return frozenset({wanted.member_id, found.merchant_id} if found else {wanted.member_id})


async def _record_done(tx: Tx, who: Who, change: Change, line: Line) -> None:
    """Put on record what was carried out, with the member's line before and after it."""
    now = await locked_line(tx, *line.key)
    before, after = ({name: getattr(each, name) for name in _LINE} for each in (line, now))
    await record(tx, who, change._replace(before=before, after={**after, **(change.after or {})}))


def _change(wanted: Adjustment, action: str, reason: str) -> Change:
    subject = f"agreement:{wanted.agreement_id}" if wanted.agreement_id else f"member:{wanted.member_id}"
    after: dict[str, object] = {
        "decision_id": wanted.reference,
        "amount_minor": wanted.amount_minor,
        "currency": wanted.currency,
    }
    if wanted.debt_id:
        after["debt_id"] = wanted.debt_id
    return Change(action, subject, reason, None, after)


def _with_amount(wanted: Adjustment, ready: Ready) -> Adjustment:
    return replace(wanted, amount_minor=ready.amount_minor)


async def _payout(tx: Tx, wanted: Adjustment, line: Line) -> Ready:
    under_way = await approval_store.deduction_under_way(tx, *line.key)
    entry = or_refused(pay_out(wanted, line, deduction_under_way=under_way))
    return Ready(wanted.amount_minor, lambda: ledger_store.post(tx, {line.key: line}, [entry]))


async def _line(tx: Tx, wanted: Adjustment, line: Line) -> Ready:
    target, entries = retargeted(line, wanted.amount_minor)

    async def write() -> None:
        if entries:
            await ledger_store.post(tx, {target.key: target}, entries)
        else:
            await ledger_store.retarget(tx, [target])

    return Ready(wanted.amount_minor, write)


async def _of_an_agreement(tx: Tx, wanted: Adjustment, _line: Line) -> Ready:
    work, account = await open_one(tx, wanted.agreement_id or "", lambda _: True)
    outcome = or_refused(adjust(account, wanted, clock(tx)))
    return Ready(amount_of(account, wanted), lambda: settle_command(tx, work, outcome))


_PREPARE: Final[Mapping[AdjustmentKind, Callable[[Tx, Adjustment, Line], Awaitable[Ready]]]] = {
    "payout": _payout,
    "line": _line,
    "waiver": _of_an_agreement,
    "write_off": _of_an_agreement,
}
