"""Repayments: members ask to pay; an operator confirms what a bank statement shows, unless a provider is asked."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, StringConstraints

from lutong_chassis import Command, Problem, Tx, TxDependency, Who, allowed, audited, not_found
from lutong_chassis.audit import Change, record
from lutong_contracts.values import IDENTIFIER_PATTERN, Identifier
from lutong_membership.agreements.http.commands import locked_line
from lutong_membership.agreements.store import accounts as account_store
from lutong_membership.bodies import Currency, Minor, ReasonBody, example, or_refused, router
from lutong_membership.ledger.store import lines as line_store
from lutong_membership.outgoing import caused
from lutong_membership.policy import claim_life, collects, deducts
from lutong_membership.repayments import store as repayment_store
from lutong_membership.repayments.domain import (
    Evidence,
    Repayment,
    claim,
    confirm,
    received,
    reject_by_operator,
    same_again,
)
from lutong_membership.repayments.handlers import record_repayment
from lutong_membership.values import Emitted

Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9./\-]{0,63}$")]
"""How a bank names one line of a statement, and no other."""


class Money(Command):
    """Money that a member asks to pay; by an operator, money that came, as a bank statement shows it."""

    model_config = ConfigDict(json_schema_extra=example(amount_minor=11_800))

    amount_minor: Minor
    currency: Currency = "CNY"
    bank: Identifier | None = None
    reference: Reference | None = None


class Shown(Command):
    """What a bank statement shows of a repayment that a member asked for."""

    model_config = ConfigDict(json_schema_extra=example(amount_minor=11_800, bank="icbc", reference="T2026-0001"))

    amount_minor: Minor
    currency: Currency = "CNY"
    bank: Identifier
    reference: Reference


class Rejection(ReasonBody):
    """Why a claim is not waited for any longer."""

    model_config = ConfigDict(json_schema_extra=example(reason="the member paid in cash at the store"))


class RepaymentView(BaseModel):
    """A repayment, in minor units. Only what is confirmed was booked."""

    repayment_id: str
    member_id: str
    amount_minor: int
    currency: str
    state: Literal["claimed", "sent", "unknown", "confirmed", "rejected"]
    expires_at: datetime
    evidence: Literal["provider", "bank", "before"] | None = None
    reason: str | None = None


_SHOWN: Final = ("member_id", "bank", "reference")


def shown(repayment: Repayment) -> RepaymentView:
    """A repayment as its member may see it."""
    known = asdict(repayment)
    return RepaymentView(**{name: known[name] for name in RepaymentView.model_fields})


@router.post("/v1/members/{member_id}/repayments", status_code=201)
@allowed("member", "operator")
@audited("repayment.confirm", own="member", shows=_SHOWN)
async def repay(member_id: Identifier, money: Money, who: Who, tx: TxDependency) -> RepaymentView:
    """As a member: ask to pay; it is booked once evidence came. As an operator: write down what came, with its evidence.

    It pays the oldest debts first. Send an Idempotency-Key. An operator's reference counts once: the same again is the
    same answer, and 409 names what differs in another one.
    """
    who.require(member=member_id, hide=("member", member_id))
    if not who.is_staff:
        return await _claimed(tx, member_id, money, who)
    if money.bank is None or money.reference is None:
        raise Problem(422, "evidence_missing", "name the bank and its reference of the money that came")
    evidence = Evidence("bank", money.reference, money.amount_minor, money.currency, money.bank)
    if known := await repayment_store.repayment_of(tx, money.bank, money.reference):
        return shown(or_refused(same_again(known, member_id, evidence)))
    await locked_line(tx, member_id, money.currency)
    fresh = Repayment(tx.new_id(), member_id, money.currency, money.amount_minor, "bank", tx.now + claim_life())
    done, emitted = or_refused(received(fresh, evidence, who.subject))
    await repayment_store.add_repayment(tx, done)
    await _booked(tx, done, emitted, who)
    return shown(done)


async def _claimed(tx: Tx, member_id: str, money: Money, who: Who) -> RepaymentView:
    if money.bank is not None or money.reference is not None:
        raise Problem(403, "evidence_not_yours", "members ask to pay: what a bank shows is written down by operators")
    line = await locked_line(tx, member_id, money.currency)
    agreements = await account_store.agreements_in_debt(tx, member_id, money.currency)
    work = await account_store.open_work(tx, agreements, deducts=deducts(), lines={line.key: line})
    payable_minor = sum(account.payable_minor for account in work.accounts.values())
    claimed_minor = await repayment_store.claimed_minor(tx, member_id, money.currency)
    asked = Repayment(tx.new_id(), member_id, money.currency, money.amount_minor, who.subject, tx.now + claim_life())
    emitted = or_refused(claim(asked, payable_minor, claimed_minor))
    await repayment_store.add_repayment(tx, asked, tx.now if collects() else None)
    tx.outgoing += caused(tx.cause, emitted)
    if collects():
        tx.job_queues.add("collect")
    return shown(asked)


@router.get("/v1/repayments")
@allowed("viewer")
async def list_repayments(
    tx: TxDependency,
    state: Literal["claimed", "sent", "unknown", "confirmed", "rejected"] = "claimed",
    after: Annotated[
        str, Query(pattern=rf"^$|{IDENTIFIER_PATTERN}", description="the last id of the page before")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[RepaymentView]:
    """Repayments in one state, by id; pass the last id as `after` for more."""
    return [shown(one) for one in await repayment_store.repayments(tx, state, after, limit)]


@router.get("/v1/repayments/{repayment_id}")
@allowed("member", "viewer")
async def get_repayment(repayment_id: Identifier, who: Who, tx: TxDependency) -> RepaymentView:
    """A repayment, and what became of it."""
    found = await repayment_store.repayment(tx, repayment_id) or not_found("repayment", repayment_id)
    who.require(member=found.member_id, hide=("repayment", repayment_id))
    return shown(found)


@router.post("/v1/repayments/{repayment_id}/confirmation")
@allowed("operator")
@audited("repayment.confirm", shows=_SHOWN)
async def confirm_repayment(repayment_id: Identifier, seen: Shown, who: Who, tx: TxDependency) -> RepaymentView:
    """Confirm a claim by a bank's reference: it is booked. The same again is the same answer."""
    evidence = Evidence("bank", seen.reference, seen.amount_minor, seen.currency, seen.bank)
    known = await repayment_store.repayment_of(tx, seen.bank, seen.reference)
    found = await _locked(tx, repayment_id)
    if known:
        return shown(or_refused(same_again(known, found.member_id, evidence, repayment_id)))
    done, emitted = or_refused(confirm(found, evidence, who.subject, tx.now))
    await repayment_store.save_repayments(tx, [done])
    await _booked(tx, done, emitted, who)
    return shown(done)


@router.post("/v1/repayments/{repayment_id}/rejection")
@allowed("operator")
@audited("repayment.reject", shows=_SHOWN)
async def reject_repayment(repayment_id: Identifier, body: Rejection, who: Who, tx: TxDependency) -> RepaymentView:
    """Reject a claim for which no money came. What a provider is asked about ends by the provider's answer only."""
    found = await _locked(tx, repayment_id)
    done, emitted = or_refused(reject_by_operator(found, who.subject))
    await repayment_store.save_repayments(tx, [done])
    await record(tx, who, Change("repayment.reject", f"repayment:{repayment_id}", body.reason, _facts(found)))
    await _publish(tx, done, emitted)
    return shown(done)


async def _locked(tx: Tx, repayment_id: str) -> Repayment:
    """A repayment under the lock of its member's lines, which comes first everywhere."""
    seen = await repayment_store.repayment(tx, repayment_id) or not_found("repayment", repayment_id)
    await line_store.lock_lines(tx, [seen.member_id])
    return (await repayment_store.lock_repayments(tx, [repayment_id]))[repayment_id]


async def _booked(tx: Tx, done: Repayment, emitted: tuple[Emitted, ...], who: Who) -> None:
    await record_repayment(tx, done)
    change = Change("repayment.confirm", f"repayment:{done.repayment_id}", None, None, _facts(done))
    await record(tx, who, change)
    await _publish(tx, done, emitted)


async def _publish(tx: Tx, done: Repayment, emitted: tuple[Emitted, ...]) -> None:
    tx.outgoing += caused(await repayment_store.cause_of(tx, done.repayment_id), emitted)


def _facts(repayment: Repayment) -> dict[str, object]:
    names = ("state", "member_id", "amount_minor", "currency", "bank", "reference")
    return {name: getattr(repayment, name) for name in names}
