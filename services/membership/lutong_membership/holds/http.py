"""What is known of members, and what they may see of it."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import Query
from pydantic import ConfigDict, Field

from lutong_chassis import Command, Problem, Tx, TxDependency, Who, allowed, audited, not_found
from lutong_chassis.audit import Change, record
from lutong_contracts.values import Identifier
from lutong_membership.agreements.http.commands import publish, view
from lutong_membership.agreements.store import agreements as agreement_store
from lutong_membership.agreements.store import statements as statement_store
from lutong_membership.bodies import example, or_refused, router
from lutong_membership.holds.domain import joining
from lutong_membership.holds.domain.joining import RequestContext, ask
from lutong_membership.holds.store import applicants as applicant_store
from lutong_membership.holds.store import assessments as assessment_store
from lutong_membership.holds.store import consultations as consultation_store
from lutong_membership.holds.store import holds as hold_store
from lutong_membership.holds.store.assessments import AssessmentCopy
from lutong_membership.ledger.store import entries as ledger_store
from lutong_membership.ledger.store import lines as line_store
from lutong_membership.outgoing import caused
from lutong_membership.plans.domain.newcomers import Newcomer
from lutong_membership.plans.store import plans as plan_store
from lutong_membership.policy import clock, patience
from lutong_membership.providers.credit.values import Applicant

_PROFILE: dict[str, int] = {
    "months_known": 36,
    "late_months": 0,
    "worst_delay_months": 0,
    "utilisation_percent": 20,
    "declared_limit_minor": 2_000_000,
}


class Profile(Command):
    """What is known of a member who may ask for credit. It is written here and never given out."""

    model_config = ConfigDict(json_schema_extra=example(**_PROFILE))

    months_known: int = Field(ge=0, le=1200, examples=[36])
    late_months: int = Field(ge=0, le=1200, examples=[0])
    worst_delay_months: int = Field(ge=0, le=1200, examples=[0])
    utilisation_percent: int = Field(ge=0, le=10_000, examples=[20])
    declared_limit_minor: int = Field(ge=0, le=10**12, examples=[2_000_000])
    latest_delay_months: int | None = Field(default=None, ge=0, le=1200)
    repaid_monthly_minor: int | None = Field(default=None, ge=0, le=10**12)


class MemberProfile(Profile):
    """A profile with its member."""

    member_id: Identifier


class Profiles(Command):
    """Several profiles at once."""

    model_config = ConfigDict(json_schema_extra=example(profiles=[{"member_id": "reader-1", **_PROFILE}]))

    profiles: list[MemberProfile] = Field(min_length=1, max_length=1000)


class ConsultationRequest(Command):
    """A plan whose terms a member asks for."""

    model_config = ConfigDict(json_schema_extra=example(plan_id="watsons-light"))

    plan_id: Identifier


@router.put("/v1/members/{member_id}/profile", status_code=204)
@allowed("operator")
@audited("profile.put")
async def put_profile(member_id: Identifier, profile: Profile, who: Who, tx: TxDependency) -> None:
    """Write what is known of a member. Agreements that are signed stay as they are."""
    await _save_profiles(tx, who, [MemberProfile(member_id=member_id, **profile.model_dump(exclude_unset=True))])


@router.post("/v1/members/profiles/batch", status_code=201)
@allowed("operator")
@audited("profile.put")
async def put_profiles(command: Profiles, who: Who, tx: TxDependency) -> dict[str, int]:
    """Write what is known of many members."""
    await _save_profiles(tx, who, command.profiles)
    return {"saved": len(command.profiles)}


@router.delete("/v1/members/{member_id}/profile", status_code=204)
@allowed("operator")
@audited("profile.forget")
async def delete_profile(member_id: Identifier, who: Who, tx: TxDependency) -> None:
    """Forget what is known of a member, once nothing is open between us. The ledger keeps its opaque ids."""
    open_now = await applicant_store.forget(tx, member_id)
    if open_now:
        raise Problem(409, "obligations_open", f"{open_now} of member {member_id!r} is open: it has to end first")
    await record(tx, who, Change("profile.forget", f"member:{member_id}"))


async def _save_profiles(tx: Tx, who: Who, profiles: Sequence[MemberProfile]) -> None:
    """Save what profiles mention; the rest stays, and null is for what is not known. The audit names the fields that changed."""
    known = await assessment_store.lock_applicants(tx, sorted({profile.member_id for profile in profiles}))
    latest: dict[str, Applicant] = {}
    for profile in profiles:
        given = profile.model_dump(exclude_unset=True)
        before = latest.get(profile.member_id) or known.get(profile.member_id)
        latest[profile.member_id] = replace(before, **given) if before else Applicant(**given)
    await applicant_store.save_applicants(tx, list(latest.values()))
    await record(
        tx,
        who,
        *(
            Change("profile.put", f"member:{name}", None, _facts(known.get(name)), _facts(applicant))
            for name, applicant in sorted(latest.items())
        ),
    )


def _facts(applicant: Applicant | None) -> dict[str, object] | None:
    """The fields of a profile, without its member."""
    return None if applicant is None else {name: getattr(applicant, name) for name in Profile.model_fields}


@router.get("/v1/members/{member_id}")
@allowed("member", "viewer")
async def get_member(member_id: Identifier, who: Who, tx: TxDependency) -> dict[str, Any]:
    """A member's agreements, with the reasons they were decided on, and credit lines."""
    who.require(member=member_id, hide=("member", member_id))
    agreements = await agreement_store.agreements_of(tx, member_id)
    lines = [view(line) for line in await line_store.read_lines(tx, member_id)]
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
    """A member's entries, oldest first: debits are positive, credits negative. Each hash covers the one before."""
    who.require(member=member_id, hide=("member", member_id))
    return [entry._asdict() for entry in await ledger_store.ledger_of(tx, member_id, after, limit)]


@router.get("/v1/holds/{order_id}")
@allowed("member", "merchant", "viewer")
async def get_hold(order_id: Identifier, who: Who, tx: TxDependency) -> dict[str, Any]:
    """What is, or was, held for an order, and how its price came about."""
    placed = await hold_store.hold(tx, order_id) or not_found("hold for order", order_id)
    hold = placed.hold
    who.require(member=hold.member_id, merchant=hold.merchant_id, hide=("hold for order", order_id))
    return asdict(hold) | {"placed_at": placed.placed_at, "ended_at": placed.ended_at}


@router.post("/v1/members/{member_id}/consultations", status_code=202)
@allowed("member", "operator")
@audited("agreement.consult", own="member", shows=("plan_id",))
async def consult(member_id: Identifier, wish: ConsultationRequest, who: Who, tx: TxDependency) -> dict[str, str]:
    """Ask to join a plan without ordering. Once admitted, the terms are offered for a while, to be signed."""
    who.require(member=member_id, hide=("member", member_id))
    applicants = await assessment_store.lock_applicants(tx, [member_id])
    latest = await plan_store.plan(tx, wish.plan_id)
    if latest is None or not latest.open:
        not_found("open plan", wish.plan_id)
    newcomer = Newcomer(member_id, latest.plan)
    live = await agreement_store.live_agreements(tx, [member_id])
    context = RequestContext(applicants=frozenset(applicants), agreements=live)
    joins = bool(applicants) and newcomer.key not in live
    context = await hold_store.with_newcomers(tx, context, [newcomer] if joins else [])
    fresh, emitted = or_refused(ask(newcomer, context, tx.new_id(), clock(tx)))
    if who.is_staff:
        asked = Change("agreement.consult", f"agreement:{fresh.agreement_id}", after={"plan_id": fresh.plan_id})
        await record(tx, who, asked)
    causes = {fresh.agreement_id: tx.cause}
    await agreement_store.save_agreements(tx, [fresh], causes)
    if standing := context.standing.get(member_id):
        copy = AssessmentCopy(standing.agreement_id, fresh.agreement_id)
        await assessment_store.copy_assessments(tx, [copy])
    else:
        await assessment_store.ask_about(tx, causes, tx.now + patience())
        tx.job_queues.add("assess")
    tx.outgoing += caused(tx.cause, emitted)
    return {"agreement_id": fresh.agreement_id, "state": fresh.state}


@router.post("/v1/agreements/{agreement_id}/signature")
@allowed("member", "operator")
@audited("agreement.sign", own="member")
async def sign_offer(agreement_id: Identifier, who: Who, tx: TxDependency) -> dict[str, Any]:
    """Sign what was offered: the term begins, by the version that was shown."""
    found = await statement_store.agreement(tx, agreement_id) or not_found("agreement", agreement_id)
    who.require(member=found.member_id, hide=("agreement", agreement_id))
    offers = await consultation_store.lock_offers(tx, [agreement_id])
    if agreement_id not in offers:
        raise Problem(409, "not_offered", f"agreement {agreement_id!r} is {found.state}: there is nothing to sign")
    offered = offers[agreement_id]
    context = RequestContext(lines=await line_store.lock_lines(tx, [found.member_id]))
    limits = await assessment_store.limits(tx, [agreement_id])
    signature = or_refused(joining.sign_offer(offered, context, limits.get(agreement_id, 0), clock(tx)))
    await agreement_store.save_agreements(tx, [signature.agreement])
    if signature.opened:
        await line_store.open_lines(tx, [signature.opened])
        await ledger_store.post(tx, {signature.opened.key: signature.opened}, signature.entries)
    await publish(tx, agreement_id, signature.emitted)
    if who.is_staff:
        effect = {"state": found.state}, {"state": signature.agreement.state}
        await record(tx, who, Change("agreement.sign", f"agreement:{agreement_id}", None, *effect))
    ends_at = signature.agreement.ends_at
    return {
        "agreement_id": agreement_id,
        "state": "active",
        "ends_at": ends_at,
        "charge_cap_minor": offered.plan.terms.cap_minor,
    }
