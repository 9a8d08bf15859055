"""What providers report of services without goods, and what they are to do."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from lutong_chassis import Command, Problem, Read, Tx, TxDependency, Who, allowed, audit, audited, not_found
from lutong_contracts.values import Identifier, Reason
from lutong_inventory.bodies import router
from lutong_inventory.provided import domain, store
from lutong_inventory.provided.domain import Provision
from lutong_inventory.provided.handlers import cause_of
from lutong_inventory.refusal import Refusal


class Completion(Command):
    """A service was done: under which reference its provider has it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reference": "BILL-2026-11-0001"}]})

    reference: Identifier


class Failure(Command):
    """Why a service cannot be done."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "account_closed"}]})

    reason: Reason = Field(examples=["account_closed"])


class ProvisionView(BaseModel):
    """A service without goods: until when its merchant is to do it, or how it ended."""

    order_id: str
    merchant_id: str
    program_id: str
    amount_minor: int
    currency: str
    state: str
    done_by: AwareDatetime
    reference: str | None
    reason: str | None


class ProvisionsView(BaseModel):
    """Services that a merchant is to do; `after` of the next page is the last order of this one."""

    services: list[ProvisionView]


@router.post("/v1/services/{order_id}/completion")
@allowed("merchant", "operator")
@audited("service.complete", own="merchant", shows=("state", "reference"))
async def complete_service(order_id: Identifier, body: Completion, who: Who, tx: TxDependency) -> ProvisionView:
    """Report that a service was done: what was held for it is captured. The same report again changes nothing."""
    return await _report(tx, who, order_id, "service.complete", lambda known: domain.done(known, body.reference))


@router.post("/v1/services/{order_id}/failure")
@allowed("merchant", "operator")
@audited("service.fail", own="merchant", shows=("state",))
async def fail_service(order_id: Identifier, body: Failure, who: Who, tx: TxDependency) -> ProvisionView:
    """Report that a service cannot be done: what was held for it is given back. The same report again changes nothing."""
    return await _report(tx, who, order_id, "service.fail", lambda known: domain.failed(known, body.reason))


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
    after: Annotated[Identifier | None, Query(description="the last order of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ProvisionsView:
    """The services that a merchant is to do, by order."""
    who.require(merchant=merchant_id, hide=("merchant", merchant_id))
    found = await store.waiting(read, merchant_id, after or "", limit)
    return ProvisionsView(services=[_view(each) for each in found])


async def _report(
    tx: Tx, who: Who, order_id: str, action: str, decide: Callable[[Provision], Provision | Refusal]
) -> ProvisionView:
    known = (await store.lock(tx, [order_id])).get(order_id) or not_found("service", order_id)
    who.require(merchant=known.merchant_id, hide=("service", order_id))
    decided = decide(known)
    if isinstance(decided, Refusal):
        raise Problem(409, decided.kind, decided.detail)
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
