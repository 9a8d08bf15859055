"""What providers report of services without goods, and what they are to do."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from lutong_chassis import Command, Problem, Read, Tx, TxDependency, Who, allowed, audit, audited, not_found
from lutong_contracts.values import Identifier, Reason
from lutong_inventory.bodies import refused, router
from lutong_inventory.provided import domain, store
from lutong_inventory.provided.domain import Provision, State
from lutong_inventory.provided.handlers import cause_of
from lutong_inventory.refunds import store as refund_store
from lutong_inventory.refunds.domain import WantedRefund, why_other
from lutong_inventory.refunds.store import NewRefund, RefundName
from lutong_inventory.refusal import Refusal


class Completion(Command):
    """A service was done: under which reference its provider has it, and for how much where that is less than what is held."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reference": "BILL-2026-11-0001", "amount_minor": 8_000}]}
    )

    reference: Identifier
    amount_minor: int | None = Field(
        default=None, ge=1, le=10**12, description="of what is held; absent: all of it. The rest is given back"
    )


class Failure(Command):
    """Why a service cannot be done."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "account_closed"}]})

    reason: Reason = Field(examples=["account_closed"])


class ServiceRefund(Command):
    """What of a service that was done is given back: an amount of what its member paid."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"refund_id": "refund-1", "amount_minor": 8_000}]})

    refund_id: Identifier
    amount_minor: int = Field(ge=1, le=10**12)


class RefundView(BaseModel):
    """A refund, as it was made."""

    order_id: str
    refund_id: str
    amount_minor: int


class ProvisionView(BaseModel):
    """A service without goods: until when its merchant is to do it, or how it ended. Of what is held (`amount_minor`) its member pays
    `paid_minor` once it is done, and has `refunded_minor` of that back."""

    order_id: str
    merchant_id: str
    program_id: str
    amount_minor: int
    currency: str
    paid_minor: int
    refunded_minor: int
    state: str
    done_by: AwareDatetime
    reference: str | None
    reason: str | None


class ProvisionsView(BaseModel):
    """Services of a merchant; `after` of the next page is the last order of this one."""

    services: list[ProvisionView]


@router.post("/v1/services/{order_id}/completion")
@allowed("merchant", "operator")
@audited("service.complete", own="merchant", shows=("state", "reference"))
async def complete_service(order_id: Identifier, body: Completion, who: Who, tx: TxDependency) -> ProvisionView:
    """Report that a service was done: what was held for it is captured, or what of it was done. The same report again changes nothing."""
    return await _report(
        tx, who, order_id, "service.complete", lambda known: domain.done(known, body.reference, body.amount_minor)
    )


@router.post("/v1/services/{order_id}/failure")
@allowed("merchant", "operator")
@audited("service.fail", own="merchant", shows=("state",))
async def fail_service(order_id: Identifier, body: Failure, who: Who, tx: TxDependency) -> ProvisionView:
    """Report that a service cannot be done: what was held for it is given back. The same report again changes nothing."""
    return await _report(tx, who, order_id, "service.fail", lambda known: domain.failed(known, body.reason))


@router.post("/v1/services/{order_id}/refunds", status_code=201)
@allowed("merchant", "operator")
@audited("service.refund", shows=("refunded_minor", "refund_id"), reasoned=True)
async def refund_service(order_id: Identifier, body: ServiceRefund, who: Who, tx: TxDependency) -> RefundView:
    """Give back what was paid for a service, or some of it. Never more than the member paid, over all refunds.

    A refund's id is its merchant's own, among those of goods, too. The same refund again is the same answer; 409 names what differs in
    another one.
    """
    known = (await store.lock(tx, [order_id])).get(order_id) or not_found("service", order_id)
    who.require(merchant=known.merchant_id, hide=("service", order_id))
    view = RefundView(order_id=order_id, refund_id=body.refund_id, amount_minor=body.amount_minor)
    name = RefundName(known.merchant_id, body.refund_id)
    if made := (await refund_store.refunds_named(tx, [name])).get(name):
        wanted = WantedRefund(order_id, body.amount_minor, {}, restock=False)
        if other := why_other(body.refund_id, made, wanted):
            raise refused(other)
        return view
    after = domain.refunded(known, body.amount_minor)
    if isinstance(after, Refusal):
        raise refused(after)
    await store.give_back(tx, NewRefund(name, order_id, body.amount_minor, restocked=False, units={}))
    tx.publish(domain.given_back(known, body.refund_id, body.amount_minor), cause=cause_of(known))
    of = (
        {"refunded_minor": known.refunded_minor},
        {"refunded_minor": after.refunded_minor, "refund_id": body.refund_id},
    )
    await audit.record(tx, who, audit.Change("service.refund", f"order:{order_id}", None, *of))
    return view


@router.get("/v1/services/{order_id}")
@allowed("merchant", "member", "viewer")
async def get_service(order_id: Identifier, who: Who, read: Read) -> ProvisionView:
    """A service without goods, for its member and its merchant."""
    known = await store.provision(read, order_id) or not_found("service", order_id)
    who.require(member=known.member_id, merchant=known.merchant_id, hide=("service", order_id))
    return _view(known)


@router.get("/v1/merchants/{merchant_id}/services")
@allowed("merchant", "viewer")
async def list_services(
    merchant_id: Identifier,
    who: Who,
    read: Read,
    state: Annotated[State, Query(description="those that wait for the merchant, or that ended so")] = "waiting",
    after: Annotated[Identifier | None, Query(description="the last order of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ProvisionsView:
    """The services that a merchant is to do, or those that ended in a way, by order."""
    who.require(merchant=merchant_id, hide=("merchant", merchant_id))
    found = await store.of_merchant(read, merchant_id, state, after or "", limit)
    return ProvisionsView(services=[_view(each) for each in found])


async def _report(
    tx: Tx, who: Who, order_id: str, action: str, decide: Callable[[Provision], Provision | Refusal]
) -> ProvisionView:
    known = (await store.lock(tx, [order_id])).get(order_id) or not_found("service", order_id)
    who.require(merchant=known.merchant_id, hide=("service", order_id))
    decided = decide(known)
    if isinstance(decided, Refusal):
        raise refused(decided)
    if decided != known:
        if not await store.end(tx, [decided]):
            detail = f"reference {decided.reference!r} is that of another service: give the one of this service"
            raise Problem(409, "reference_used", detail)
        tx.publish(decided.event, cause=cause_of(decided))
    if who.is_staff:
        of = ({"state": each.state, "reference": each.reference} for each in (known, decided))
        await audit.record(tx, who, audit.Change(action, f"order:{order_id}", decided.reason, *of))
    return _view(decided)


def _view(known: Provision) -> ProvisionView:
    return ProvisionView(**{name: getattr(known, name) for name in ProvisionView.model_fields})
