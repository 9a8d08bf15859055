"""What members, merchants and operators ask of membership. No answer carries a score."""

from typing import Annotated, Any

import orjson
from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lutong_chassis import Command, Problem, Tx, TxDependency, Who, allowed, not_found, routes
from lutong_contracts.values import Identifier, Title
from lutong_membership import domain, store
from lutong_membership.domain import Applicant, Line, Plan

router = routes("membership")

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Amount = Annotated[int, Field(ge=1, le=10**12, description="in minor units")]


class PlanTerms(Command):
    """A light membership: join on credit, up to a cap."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"merchant_id": "watsons", "title": "屈臣氏轻会员", "line_limit_minor": 300_000}]
        }
    )

    merchant_id: Identifier
    title: Title = Field(examples=["屈臣氏轻会员"])
    currency: Currency = Field(default="CNY", examples=["CNY"])
    line_limit_minor: Amount = Field(examples=[300_000])


class Profile(Command):
    """What is known of a member who may ask for credit. It is written here and never given out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "months_known": 36,
                    "late_months": 0,
                    "worst_delay_months": 0,
                    "utilisation_percent": 20,
                    "declared_limit_minor": 2_000_000,
                }
            ]
        }
    )

    months_known: int = Field(ge=0, le=1200, examples=[36])
    late_months: int = Field(ge=0, le=1200, examples=[0])
    worst_delay_months: int = Field(ge=0, le=1200, examples=[0])
    utilisation_percent: int = Field(ge=0, le=10_000, examples=[20])
    declared_limit_minor: int = Field(ge=0, le=10**12, examples=[2_000_000])


class MemberProfile(Profile):
    """A profile with its member."""

    member_id: Identifier


class Profiles(Command):
    """Several profiles at once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "profiles": [
                        {
                            "member_id": "reader-1",
                            "months_known": 36,
                            "late_months": 0,
                            "worst_delay_months": 0,
                            "utilisation_percent": 20,
                            "declared_limit_minor": 2_000_000,
                        }
                    ]
                }
            ]
        }
    )

    profiles: list[MemberProfile] = Field(min_length=1, max_length=1000)


class Repayment(Command):
    """Money that a member paid back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount_minor": 11_800}]})

    amount_minor: Amount
    currency: Currency = "CNY"


class Limit(Command):
    """A new limit for a member's line."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"limit_minor": 500_000}]})

    limit_minor: int = Field(ge=0, le=10**12)
    currency: Currency = "CNY"


class LineView(BaseModel):
    """A credit line, in minor units."""

    currency: str
    limit_minor: int
    held_minor: int
    owed_minor: int
    available_minor: int


@router.put("/v1/plans/{plan_id}")
@allowed("merchant", "operator")
async def put_plan(plan_id: Identifier, terms: PlanTerms, who: Who, tx: TxDependency) -> dict[str, str]:
    """Offer a plan. It becomes its merchant's open plan; signed agreements stay as they are."""
    who.acts_for(merchant=terms.merchant_id) or not_found("merchant", terms.merchant_id)
    await tx.lock("plan", [plan_id])  # two merchants may open one at the same time
    known = await store.plan(tx, plan_id)
    if known and known["merchant_id"] != terms.merchant_id:
        raise Problem(409, "plan_taken", f"plan {plan_id!r} belongs to another merchant: use another id")
    if known and known["currency"] != terms.currency:
        raise Problem(409, "currency_fixed", f"plan {plan_id!r} is in {known['currency']}: open a new plan instead")
    await store.save_plan(tx, Plan(plan_id, terms.merchant_id, terms.currency, terms.line_limit_minor), terms.title)
    return {"plan_id": plan_id}


@router.get("/v1/plans/{plan_id}")
@allowed("anybody")
async def get_plan(plan_id: Identifier, tx: TxDependency) -> dict[str, Any]:
    """A plan."""
    return dict(await store.plan(tx, plan_id) or not_found("plan", plan_id))


@router.put("/v1/members/{member_id}/profile", status_code=204)
@allowed("operator")
async def put_profile(member_id: Identifier, profile: Profile, tx: TxDependency) -> None:
    """Say what is known of a member. Agreements that are signed stay as they are."""
    await store.save_applicants(tx, [Applicant(member_id, **profile.model_dump())])


@router.post("/v1/members/profiles/batch", status_code=201)
@allowed("operator")
async def put_profiles(command: Profiles, tx: TxDependency) -> dict[str, int]:
    """Say what is known of many members."""
    await store.save_applicants(tx, [Applicant(**profile.model_dump()) for profile in command.profiles])
    return {"saved": len(command.profiles)}


@router.get("/v1/members/{member_id}")
@allowed("member", "viewer")
async def get_member(member_id: Identifier, who: Who, tx: TxDependency) -> dict[str, Any]:
    """A member's agreements, with the reasons they were decided on, and credit lines."""
    who.acts_for(member=member_id) or not_found("member", member_id)
    agreements = [dict(row) for row in await store.agreements_of(tx, member_id)]
    lines = [_view(line) for line in await store.read_lines(tx, member_id)]
    if not agreements and not lines:
        not_found("member", member_id)
    return {"member_id": member_id, "agreements": agreements, "lines": lines}


@router.get("/v1/members/{member_id}/ledger")
@allowed("member", "viewer")
async def get_ledger(
    member_id: Identifier,
    who: Who,
    tx: TxDependency,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="entry_id of the last entry seen")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[dict[str, Any]]:
    """A member's entries, oldest first: debits are positive, credits negative."""
    who.acts_for(member=member_id) or not_found("member", member_id)
    rows = await store.ledger_of(tx, member_id, after, limit)
    return [dict(row) | {"postings": orjson.loads(row["postings"])} for row in rows]


@router.get("/v1/holds/{order_id}")
@allowed("member", "merchant", "viewer")
async def get_hold(order_id: Identifier, who: Who, tx: TxDependency) -> dict[str, Any]:
    """What is, or was, held for an order."""
    row = await store.hold(tx, order_id) or not_found("hold for order", order_id)
    who.acts_for(member=row["member_id"], merchant=row["merchant_id"]) or not_found("hold for order", order_id)
    return dict(row)


@router.post("/v1/members/{member_id}/repayments", status_code=201)
@allowed("member", "operator")
async def repay(member_id: Identifier, repayment: Repayment, who: Who, tx: TxDependency) -> LineView:
    """Take a repayment: what was owed is available again. Send an Idempotency-Key: money moves once per key."""
    who.acts_for(member=member_id) or not_found("member", member_id)
    line = await _line(tx, member_id, repayment.currency)
    after = line.repay(repayment.amount_minor)
    if after is None:
        raise Problem(409, "not_owed", f"{line.owed_minor} minor units are owed: repay at most that")
    await store.move_lines(tx, [(line, 0, -repayment.amount_minor)])
    await store.write_entries(tx, [domain.entry("repayment", line, repayment.amount_minor)])
    return _view(after)


@router.put("/v1/members/{member_id}/line")
@allowed("operator")
async def put_line(member_id: Identifier, limit: Limit, tx: TxDependency) -> LineView:
    """Raise or lower a member's line, never below what is held and owed."""
    line = await _line(tx, member_id, limit.currency)
    used_minor = line.held_minor + line.owed_minor
    if limit.limit_minor < used_minor:
        raise Problem(409, "line_in_use", f"{used_minor} minor units are held or owed: wait until they are repaid")
    change_minor = limit.limit_minor - line.limit_minor
    await store.save_limit(tx, line, limit.limit_minor)
    if change_minor:
        await store.write_entries(tx, [domain.entry("line_changed", line, change_minor)])
    return _view(Line(member_id, limit.currency, limit.limit_minor, line.held_minor, line.owed_minor))


@router.get("/v1/summary")
@allowed("viewer")
async def get_summary(tx: TxDependency) -> dict[str, Any]:
    """Counts and balances. `unbalanced_entries` and `lines_off_ledger` must be 0."""
    row = await store.summary(tx)
    return row | {name: orjson.loads(row[name] or "{}") for name in ("holds", "agreements")}


async def _line(tx: Tx, member_id: str, currency: str) -> Line:
    lines = {line.currency: line for line in await store.lock_lines(tx, [member_id])}
    return lines.get(currency) or not_found(f"{currency} line of member", member_id)


def _view(line: Line) -> LineView:
    return LineView(
        currency=line.currency,
        limit_minor=line.limit_minor,
        held_minor=line.held_minor,
        owed_minor=line.owed_minor,
        available_minor=line.available_minor,
    )
