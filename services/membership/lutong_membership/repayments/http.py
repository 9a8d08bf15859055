"""Repayments: members ask to pay; an operator confirms what a bank statement shows, unless a provider is asked."""

from typing import Annotated, Final, Literal

from fastapi import Query, Response
from pydantic import ConfigDict, StringConstraints

from lutong_chassis import Ask, Command, Problem, Read, Who, allowed, audited, not_found
from lutong_contracts.values import IDENTIFIER_PATTERN, Identifier
from lutong_membership.bodies import Currency, Minor, ReasonBody, example, router
from lutong_membership.repayments import store as repayment_store
from lutong_membership.repayments.domain import (
    ClaimRepayment,
    ConfirmRepayment,
    Evidence,
    RecordRepayment,
    RejectRepayment,
)
from lutong_membership.repayments.handlers.commands import RepaymentView, shown

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


_SHOWN: Final = ("member_id", "bank", "reference")


@router.post("/v1/members/{member_id}/repayments", status_code=201, response_model=RepaymentView)
@allowed("member", "operator")
@audited("repayment.confirm", own="member", shows=_SHOWN)
async def repay(member_id: Identifier, money: Money, who: Who, ask: Ask) -> Response:
    """As a member: ask to pay; it is booked once evidence came. As an operator: write down what came, with its evidence.

    It pays the oldest debts first. Send an Idempotency-Key. An operator's reference counts once: the same again is the
    same answer, and 409 names what differs in another one.
    """
    who.require(member=member_id, hide=("member", member_id))
    if not who.is_staff:
        if money.bank is not None or money.reference is not None:
            raise Problem(
                403, "evidence_not_yours", "members ask to pay: what a bank shows is written down by operators"
            )
        return await ask(ClaimRepayment(member_id, money.amount_minor, money.currency))
    if money.bank is None or money.reference is None:
        raise Problem(422, "evidence_missing", "name the bank and its reference of the money that came")
    evidence = Evidence("bank", money.reference, money.amount_minor, money.currency, money.bank)
    return await ask(RecordRepayment(member_id, evidence))


@router.get("/v1/repayments")
@allowed("viewer")
async def list_repayments(
    read: Read,
    state: Literal["claimed", "sent", "unknown", "confirmed", "rejected"] = "claimed",
    after: Annotated[
        str, Query(pattern=rf"^$|{IDENTIFIER_PATTERN}", description="the last id of the page before")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[RepaymentView]:
    """Repayments in one state, by id; pass the last id as `after` for more."""
    return [shown(one) for one in await repayment_store.repayments(read, state, after, limit)]


@router.get("/v1/repayments/{repayment_id}")
@allowed("member", "viewer")
async def get_repayment(repayment_id: Identifier, who: Who, read: Read) -> RepaymentView:
    """A repayment, and what became of it."""
    found = await repayment_store.repayment(read, repayment_id) or not_found("repayment", repayment_id)
    who.require(member=found.member_id, hide=("repayment", repayment_id))
    return shown(found)


@router.post("/v1/repayments/{repayment_id}/confirmation", response_model=RepaymentView)
@allowed("operator")
@audited("repayment.confirm", shows=_SHOWN)
async def confirm_repayment(repayment_id: Identifier, seen: Shown, ask: Ask) -> Response:
    """Confirm a claim by a bank's reference: it is booked. The same again is the same answer."""
    evidence = Evidence("bank", seen.reference, seen.amount_minor, seen.currency, seen.bank)
    return await ask(ConfirmRepayment(repayment_id, evidence))


@router.post("/v1/repayments/{repayment_id}/rejection", response_model=RepaymentView)
@allowed("operator")
@audited("repayment.reject", shows=_SHOWN)
async def reject_repayment(repayment_id: Identifier, body: Rejection, ask: Ask) -> Response:
    """Reject a claim for which no money came. What a provider is asked about ends by the provider's answer only."""
    return await ask(RejectRepayment(repayment_id, body.reason))
