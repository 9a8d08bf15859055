"""Members who join without ordering, in batches: they ask for the terms of a plan, and sign what was offered."""

from collections.abc import Mapping, Sequence

from lutong_chassis import Answer, Asked, Cause, Handlers, Problem, Tx
from lutong_chassis.audit import Change
from lutong_membership.agreements.domain.agreement import Agreement, Pinned
from lutong_membership.agreements.store import agreements as agreement_store
from lutong_membership.agreements.store import statements as statement_store
from lutong_membership.bodies import absent, refused
from lutong_membership.holds.domain import joining as domain
from lutong_membership.holds.domain.joining import Consult, RequestContext, Signed, SignOffer
from lutong_membership.holds.store import assessments as assessment_store
from lutong_membership.holds.store import consultations as consultation_store
from lutong_membership.holds.store import holds as hold_store
from lutong_membership.holds.store.assessments import AssessmentCopy
from lutong_membership.ledger.store import entries as ledger_store
from lutong_membership.ledger.store import lines as line_store
from lutong_membership.outgoing import caused
from lutong_membership.plans.domain.newcomers import Newcomer
from lutong_membership.plans.store import plans as plan_store
from lutong_membership.plans.store.plans import PlanVersion
from lutong_membership.policy import clock, patience
from lutong_membership.values import Refusal

handlers = Handlers()


@handlers.on(Consult)
async def consult(batch: Sequence[Asked[Consult]], tx: Tx) -> list[Answer | Problem]:
    """Members ask to join plans: offered at once where an assessment is valid, else a provider is asked."""
    members = sorted({asked.command.member_id for asked in batch})
    applicants = await assessment_store.lock_applicants(tx, members)
    plans = await plan_store.plans_named(tx, (asked.command.plan_id for asked in batch))
    live = await agreement_store.live_agreements(tx, members)
    context = RequestContext(applicants=frozenset(applicants), agreements=live)
    wishes = [_newcomer(asked.command, plans) for asked in batch]
    joining = [each for each in wishes if each and each.member_id in applicants and each.key not in live]
    context = await hold_store.with_newcomers(tx, context, joining)
    answers, fresh = list[Answer | Problem](), dict[str, Asked[Consult]]()
    agreements: list[Agreement] = []
    for asked, newcomer in zip(batch, wishes, strict=True):
        if newcomer is None:
            answers.append(refused(absent("open plan", asked.command.plan_id)))
            continue
        outcome = domain.ask(newcomer, context, asked.new_id(), clock(tx))
        if isinstance(outcome, Refusal):
            answers.append(refused(outcome))
            continue
        agreement, emitted = outcome
        context.agreements[newcomer.key] = Pinned(agreement, newcomer.plan)
        agreements.append(agreement)
        fresh[agreement.agreement_id] = asked
        change = Change(
            "agreement.consult", f"agreement:{agreement.agreement_id}", after={"plan_id": agreement.plan_id}
        )
        body = {"agreement_id": agreement.agreement_id, "state": agreement.state}
        answers.append(Answer(body, caused(asked.cause, emitted), [change] if asked.who.is_staff else []))
    await _save_consulted(tx, agreements, {key: asked.cause for key, asked in fresh.items()}, context)
    return answers


def _newcomer(wish: Consult, plans: Mapping[str, PlanVersion]) -> Newcomer | None:
    """Who wants to join which version; None when there is no such open plan."""
    found = plans.get(wish.plan_id)
    return Newcomer(wish.member_id, found.plan) if found and found.open else None


async def _save_consulted(
    tx: Tx, agreements: Sequence[Agreement], causes: Mapping[str, Cause], context: RequestContext
) -> None:
    """Write new agreements. Valid assessments are copied to them; about the others a provider is asked."""
    await agreement_store.save_agreements(tx, agreements, causes)
    copies = [
        AssessmentCopy(standing.agreement_id, agreement.agreement_id)
        for agreement in agreements
        if (standing := context.standing.get(agreement.member_id))
    ]
    if copies:
        await assessment_store.copy_assessments(tx, copies)
    unknown = {
        each.agreement_id: causes[each.agreement_id] for each in agreements if each.member_id not in context.standing
    }
    if unknown:
        await assessment_store.ask_about(tx, unknown, tx.now + patience())
        tx.job_queues.add("assess")


@handlers.on(SignOffer)
async def sign_offers(batch: Sequence[Asked[SignOffer]], tx: Tx) -> list[Answer | Problem]:
    """Members sign what was offered: their terms begin, by the versions that were shown."""
    ids = [asked.command.agreement_id for asked in batch]
    found = await consultation_store.lock_agreements(tx, ids)
    lines = await line_store.lock_lines(tx, (pinned.agreement.member_id for pinned in found.values()))
    context = RequestContext(lines=lines)
    limits = await assessment_store.limits(tx, found)
    causes = await statement_store.journeys_of(tx, found)
    answers, signatures = list[Answer | Problem](), list[Signed]()
    for asked in batch:
        agreement_id = asked.command.agreement_id
        pinned = found.get(agreement_id)
        if pinned is None or not asked.who.acts_for(member=pinned.agreement.member_id):
            answers.append(refused(absent("agreement", agreement_id)))
            continue
        signature = domain.sign_offer(pinned, context, limits.get(agreement_id, 0), clock(tx))
        if isinstance(signature, Refusal):
            answers.append(refused(signature))
            continue
        found[agreement_id] = Pinned(signature.agreement, pinned.plan)
        context.lines[signature.line.key] = signature.line
        signatures.append(signature)
        answers.append(_signed(asked, pinned, signature, causes.get(agreement_id, asked.cause)))
    await _save_signed(tx, signatures)
    return answers


def _signed(asked: Asked[SignOffer], before: Pinned, signature: Signed, cause: Cause) -> Answer:
    agreement = signature.agreement
    effect = {"state": before.agreement.state}, {"state": agreement.state}
    change = Change("agreement.sign", f"agreement:{agreement.agreement_id}", None, *effect)
    body = {
        "agreement_id": agreement.agreement_id,
        "state": "active",
        "ends_at": agreement.ends_at,
        "charge_cap_minor": before.plan.terms.cap_minor,
    }
    return Answer(body, caused(cause, signature.emitted), [change] if asked.who.is_staff else [])


async def _save_signed(tx: Tx, signatures: Sequence[Signed]) -> None:
    """Write signatures, and open the lines that members did not have."""
    await agreement_store.save_agreements(tx, [each.agreement for each in signatures])
    opened = {each.opened.key: each.opened for each in signatures if each.opened}
    if opened:
        await line_store.open_lines(tx, list(opened.values()))
        await ledger_store.post(tx, opened, [entry for each in signatures for entry in each.entries])
