"""Money and lines: what members pay back, what they are paid out, and how much they may use."""

from typing import Any

import orjson
from pydantic import ConfigDict, Field

from lutong_chassis import Command, Problem, TxDependency, Who, allowed, audited, not_found
from lutong_chassis.audit import Change, record
from lutong_contracts.values import Identifier
from lutong_membership import store
from lutong_membership.domain.collection import allocate, pay
from lutong_membership.domain.ledger import Entry, after, pair
from lutong_membership.domain.lines import retargeted
from lutong_membership.handlers.clock import clock, deducts
from lutong_membership.http.bodies import Currency, LineView, Minor, example, locked_line, router, say, view


class Repayment(Command):
    """Money that a member paid back."""

    model_config = ConfigDict(json_schema_extra=example(amount_minor=11_800))

    amount_minor: Minor
    currency: Currency = "CNY"


class Repaid(LineView):
    """The line after a repayment, and the id of the repayment in the statement."""

    repayment_id: str


class Payout(Command):
    """Money that a member was given back."""

    model_config = ConfigDict(json_schema_extra=example(amount_minor=500))

    amount_minor: Minor
    currency: Currency = "CNY"


class Limit(Command):
    """A new limit for a member's line."""

    model_config = ConfigDict(json_schema_extra=example(limit_minor=500_000))

    limit_minor: int = Field(ge=0, le=10**12)
    currency: Currency = "CNY"


@router.post("/v1/members/{member_id}/repayments", status_code=201)
@allowed("member", "operator")
@audited("repayment.take", own="member", shows=("owed_minor", "charged_minor"))
async def repay(member_id: Identifier, repayment: Repayment, who: Who, tx: TxDependency) -> Repaid:
    """Take a repayment; it pays the oldest debts first. Send an Idempotency-Key: money moves once per key."""
    who.acts_for(member=member_id) or not_found("member", member_id)
    line = await locked_line(tx, member_id, repayment.currency)
    agreements = await store.agreements_in_debt(tx, member_id, repayment.currency)
    desk = await store.open_desk(tx, agreements, deducts=deducts(), lines={line.key: line})
    parts = allocate(desk.dossiers.values(), repayment.amount_minor)
    payable_minor = sum(debt.outstanding_minor for d in desk.dossiers.values() for debt in d.payable())
    if repayment.amount_minor > payable_minor:
        raise Problem(409, "not_owed", f"{payable_minor} minor units can be repaid now: repay at most that")
    reference = tx.new_id()
    for agreement_id, debt, part_minor in parts:
        said = desk.decide(agreement_id, pay, debt, part_minor, reference, clock(tx))
        await say(tx, agreement_id, said)
    await store.save_desk(tx, desk)
    paid = desk.lines[line.key]
    if who.is_staff:
        effect = [{"owed_minor": each.owed_minor, "charged_minor": each.charged_minor} for each in (line, paid)]
        await record(tx, who, Change("repayment.take", f"member:{member_id}", None, *effect))
    return Repaid(**view(paid).model_dump(), repayment_id=reference)


@router.post("/v1/members/{member_id}/payouts", status_code=201)
@allowed("operator")
@audited("payout.make", shows=("credit_minor",))
async def pay_out(member_id: Identifier, payout: Payout, who: Who, tx: TxDependency) -> LineView:
    """Write down that a member was given back what the platform owed them. Send an Idempotency-Key."""
    line = await locked_line(tx, member_id, payout.currency)
    if payout.amount_minor > line.credit_minor:
        raise Problem(409, "not_owed", f"{line.credit_minor} minor units are owed to the member: pay out at most that")
    legs = pair(f"credit:{member_id}", "platform:cash", payout.amount_minor)
    entry = Entry("payout", member_id, payout.currency, legs, reference=tx.new_id())
    await store.post(tx, {line.key: line}, [entry])
    paid = after(line, entry)
    effect = {"credit_minor": line.credit_minor}, {"credit_minor": paid.credit_minor}
    await record(tx, who, Change("payout.make", f"member:{member_id}", None, *effect))
    return view(paid)


@router.put("/v1/members/{member_id}/line")
@allowed("operator")
@audited("line.set", shows=("limit_minor", "target_minor"))
async def put_line(member_id: Identifier, limit: Limit, who: Who, tx: TxDependency) -> LineView:
    """Raise or lower a member's line. Below what is in use it falls step by step, and nothing new fits meanwhile."""
    known = await locked_line(tx, member_id, limit.currency)
    line, entries = retargeted(known, limit.limit_minor)
    if entries:
        await store.post(tx, {line.key: line}, entries)
    else:
        await store.retarget(tx, [line])
    changed = after(line, *entries)
    effect = [{"limit_minor": each.limit_minor, "target_minor": each.target_minor} for each in (known, changed)]
    await record(tx, who, Change("line.set", f"line:{member_id}", None, *effect))
    return view(changed)


@router.get("/v1/summary")
@allowed("viewer")
async def get_summary(tx: TxDependency) -> dict[str, Any]:
    """Counts and balances. `unbalanced_entries`, `lines_off_ledger` and `debts_off_lines` must be 0."""
    row = await store.summary(tx)
    counts = ("holds", "agreements", "coupons", "deductions")
    return row | {name: orjson.loads(row[name] or "{}") for name in counts}
