"""What merchants offer: plans in versions."""

from dataclasses import asdict
from typing import Annotated, Any, NoReturn

from fastapi import Query
from pydantic import ConfigDict, Field

from lutong_chassis import Command, Problem, Read, TxDependency, Who, allowed, audited, not_found
from lutong_chassis.audit import Change, record
from lutong_contracts.values import IDENTIFIER_PATTERN, Identifier, Moment, Title, VersionNumber
from lutong_membership.bodies import Currency, Minor, Paging, example, or_refused, router
from lutong_membership.plans.domain.entity import plan_event
from lutong_membership.plans.domain.sentences import rules
from lutong_membership.plans.domain.terms import TERMS, Terms
from lutong_membership.plans.domain.uplift import measure
from lutong_membership.plans.domain.versions import Offer, next_version, window
from lutong_membership.plans.store import plans as plan_store
from lutong_membership.plans.store import uplift as uplift_store
from lutong_membership.plans.store.plans import PlanVersion

_TERMS: dict[str, Any] = {
    "period": {"kind": "from_tomorrow", "months": 1},
    "obligation": {"kind": "times", "times": 3},
    "benefits": {"discount_percent": 5},
    "settlement": {"kind": "by_benefit"},
    "withholding": {"cap_minor": 5_000, "delay_days": 3},
    "payment": {"days": 15},
}


_ON_RECORD = ("version", "title", "line_limit_minor", "terms", "open")
"""What of a plan is compared for the audit; titles and terms are not shown there."""


class PlanTerms(Command):
    """A light membership: join on credit, up to a limit. Without `terms` it asks for nothing and has no end."""

    model_config = ConfigDict(
        json_schema_extra=example(merchant_id="watsons", title="屈臣氏轻会员", line_limit_minor=300_000, terms=_TERMS)
    )

    merchant_id: Identifier
    title: Title = Field(examples=["屈臣氏轻会员"])
    currency: Currency | None = Field(
        default=None, examples=["CNY"], description="absent: as it was; CNY for a new plan"
    )
    line_limit_minor: Minor = Field(examples=[300_000])
    terms: Terms | None = Field(default=None, description="absent: as they were; none for a new plan")


@router.put("/v1/plans/{plan_id}")
@allowed("merchant", "operator")
@audited("plan.put", own="merchant", shows=("line_limit_minor",))
async def put_plan(plan_id: Identifier, offered: PlanTerms, who: Who, tx: TxDependency) -> dict[str, Any]:
    """Write the next version of a plan. It becomes its merchant's open plan; signed agreements stay as they are."""
    who.require(merchant=offered.merchant_id, hide=("merchant", offered.merchant_id))
    await tx.lock("plan", [plan_id])  # two merchants may open one at the same time
    await plan_store.lock_plan(tx, plan_id)
    latest = await plan_store.plan(tx, plan_id)
    offer = Offer(plan_id, offered.merchant_id, offered.line_limit_minor, offered.currency, offered.terms)
    plan = or_refused(next_version(offer, latest.plan if latest else None))
    saved = await plan_store.save_plan(tx, plan, offered.title)
    as_it_was = latest is not None and latest.open and latest.version == saved.version
    changed = saved.closed if as_it_was else [*saved.closed, plan_id]
    tx.publish(*map(plan_event, await plan_store.plan_states(tx, changed)))
    if who.is_staff:
        after = await plan_store.plan(tx, plan_id)
        effect = (None if one is None else {name: getattr(one, name) for name in _ON_RECORD} for one in (latest, after))
        await record(tx, who, Change("plan.put", f"plan:{plan_id}", None, *effect))
    return {"plan_id": plan_id, "version": saved.version}


@router.get("/v1/plans/{plan_id}")
@allowed("anybody")
async def get_plan(plan_id: Identifier, read: Read) -> dict[str, Any]:
    """A plan in its latest version."""
    return _view(await plan_store.plan(read, plan_id) or not_found("plan", plan_id))


@router.get("/v1/plans/{plan_id}/versions/{version}")
@allowed("anybody")
async def get_version(plan_id: Identifier, version: VersionNumber, read: Read) -> dict[str, Any]:
    """A plan as it was written then. A version never changes."""
    return _view(await plan_store.plan(read, plan_id, version) or _no_version(plan_id, version))


@router.get("/v1/merchants/{merchant_id}/plans")
@allowed("merchant", "viewer")
async def list_plans(
    merchant_id: Identifier, who: Who, read: Read, page: Annotated[Paging, Query()]
) -> list[dict[str, Any]]:
    """A merchant's plans in their latest versions, by id; pass the last id as `after` for more."""
    who.require(merchant=merchant_id, hide=("merchant", merchant_id))
    return [_view(each) for each in await plan_store.plans_of(read, merchant_id, page.after, page.limit)]


@router.get("/v1/members/{member_id}/plans/{merchant_id}")
@allowed("member", "viewer")
async def get_plan_for(member_id: Identifier, merchant_id: Identifier, who: Who, read: Read) -> dict[str, Any]:
    """What this member's next order of a merchant is under: the plan as they signed it, or as it is open to them, with its rules in
    words. Show these before they order."""
    who.require(member=member_id, hide=("member", member_id))
    found = await plan_store.plan_for(read, member_id, merchant_id) or not_found("open plan of merchant", merchant_id)
    return _view(found) | {"rules": [rule._asdict() for rule in rules(found.plan)]}


@router.get("/v1/merchants/{merchant_id}/uplift")
@allowed("merchant", "viewer")
async def get_uplift(
    merchant_id: Identifier,
    who: Who,
    tx: TxDependency,
    plan_id: Annotated[str | None, Query(pattern=IDENTIFIER_PATTERN, description="else the open one")] = None,
    since: Annotated[Moment | None, Query(description="else 30 days before the end")] = None,
    until: Annotated[Moment | None, Query(description="else now")] = None,
) -> dict[str, Any]:
    """What light membership changed: members who were offered it against those who were held out for good."""
    who.require(merchant=merchant_id, hide=("open plan of merchant", merchant_id))
    plan_id = (
        plan_id or await plan_store.open_plan_of(tx, merchant_id) or not_found("open plan of merchant", merchant_id)
    )
    latest = await plan_store.plan(tx, plan_id)
    if latest is None or latest.merchant_id != merchant_id:
        raise Problem(404, "not_found", f"plan {plan_id!r} is not a plan of merchant {merchant_id!r}")
    looked_at = or_refused(window(since, until, tx.now), status=422)
    members = await uplift_store.exposed_members(tx, merchant_id, plan_id, looked_at)
    found = measure(members, latest.plan.terms.holdout_percent)
    return {
        "merchant_id": merchant_id,
        "plan_id": plan_id,
        "currency": latest.currency,
        "window": looked_at._asdict(),
        **asdict(found),
    }


def _no_version(plan_id: str, version: int) -> NoReturn:
    raise Problem(404, "not_found", f"plan {plan_id!r} has no version {version}")


def _view(version: PlanVersion) -> dict[str, Any]:
    return version._asdict() | {"terms": TERMS.dump_python(version.plan.terms, mode="json")}
