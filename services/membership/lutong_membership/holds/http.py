"""What is known of members, and what they may see of it."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import ConfigDict, Field

from lutong_chassis import Ask, Command, Problem, Read, Tx, TxDependency, Who, allowed, audited, not_found
from lutong_chassis.audit import Change, record
from lutong_contracts.values import Identifier
from lutong_membership.agreements.http.commands import view
from lutong_membership.agreements.store import agreements as agreement_store
from lutong_membership.bodies import example, router
from lutong_membership.holds.domain.joining import Consult, SignOffer
from lutong_membership.holds.store import applicants as applicant_store
from lutong_membership.holds.store import assessments as assessment_store
from lutong_membership.holds.store import holds as hold_store
from lutong_membership.ledger.store import entries as ledger_store
from lutong_membership.ledger.store import lines as line_store
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
async def get_member(member_id: Identifier, who: Who, read: Read) -> dict[str, Any]:
    """A member's agreements, with the reasons they were decided on, and credit lines."""
    who.require(member=member_id, hide=("member", member_id))
    agreements = await agreement_store.agreements_of(read, member_id)
    lines = [view(line) for line in await line_store.read_lines(read, member_id)]
    if not agreements and not lines:
        not_found("member", member_id)
    return {"member_id": member_id, "agreements": agreements, "lines": lines}


@router.get("/v1/members/{member_id}/ledger")
@allowed("member", "viewer")
async def get_ledger(
    member_id: Identifier,
    who: Who,
    read: Read,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="entry_id of the last entry seen")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[dict[str, Any]]:
    """A member's entries, oldest first: debits are positive, credits negative. Each hash covers the one before."""
    who.require(member=member_id, hide=("member", member_id))
    return [entry._asdict() for entry in await ledger_store.ledger_of(read, member_id, after, limit)]


@router.get("/v1/holds/{order_id}")
@allowed("member", "merchant", "viewer")
async def get_hold(order_id: Identifier, who: Who, read: Read) -> dict[str, Any]:
    """What is, or was, held for an order, and how its price came about."""
    placed = await hold_store.hold(read, order_id) or not_found("hold for order", order_id)
    hold = placed.hold
    who.require(member=hold.member_id, merchant=hold.merchant_id, hide=("hold for order", order_id))
    return asdict(hold) | {"placed_at": placed.placed_at, "ended_at": placed.ended_at}


@router.post("/v1/members/{member_id}/consultations", status_code=202, response_model=dict[str, str])
@allowed("member", "operator")
@audited("agreement.consult", own="member", shows=("plan_id",))
async def consult(member_id: Identifier, wish: ConsultationRequest, who: Who, ask: Ask) -> Response:
    """Ask to join a plan without ordering. Once admitted, the terms are offered for a while, to be signed."""
    who.require(member=member_id, hide=("member", member_id))
    return await ask(Consult(member_id, wish.plan_id))


@router.post("/v1/agreements/{agreement_id}/signature", response_model=dict[str, Any])
@allowed("member", "operator")
@audited("agreement.sign", own="member")
async def sign_offer(agreement_id: Identifier, ask: Ask) -> Response:
    """Sign what was offered: the term begins, by the version that was shown."""
    return await ask(SignOffer(agreement_id))
