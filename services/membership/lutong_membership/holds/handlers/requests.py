"""Requests: who may enjoy first, and what is set aside for their orders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lutong_chassis import Cause, Handlers, Outgoing, Received, Tx
from lutong_contracts.feed import ServiceRequested
from lutong_contracts.membership import AgreementLapsed, CreditAssessed, OfferLapsed
from lutong_membership.agreements.store import agreements as agreement_store
from lutong_membership.coupons import store as coupon_store
from lutong_membership.holds.domain.requests import Concluded, Decision, as_member, conclude, decide_all
from lutong_membership.holds.store import assessments as assessment_store
from lutong_membership.holds.store import consultations as consultation_store
from lutong_membership.holds.store import holds as hold_store
from lutong_membership.holds.store.assessments import AssessmentCopy, Waiting
from lutong_membership.ledger.domain.entries import Entry, Line, LineKey
from lutong_membership.ledger.store import entries as ledger_store
from lutong_membership.ledger.store import lines as line_store
from lutong_membership.outgoing import caused
from lutong_membership.policy import clock, patience, viewers_are_members

handlers = Handlers()


@handlers.on(ServiceRequested)
async def hold_credit(batch: Sequence[Received[ServiceRequested]], tx: Tx) -> list[Outgoing]:
    """A viewer wants to join and order: admit them if need be, and set credit aside for the order."""
    await tx.lock("order", (received.event.order_id for received in batch))
    members = await hold_store.members_of(tx, (received.event.viewer_id for received in batch))
    requests = [_as_member(received.event, members) for received in batch]
    context = await hold_store.open_context(tx, [each.request for each in requests])
    context.unbound.update(each.request.order_id for each in requests if not each.is_payable)
    context.bound.update(received.event.order_id for received in batch if received.event.viewer_id in members)
    lines = dict(context.lines)

    decided = decide_all([each.request for each in requests], context, clock(tx), tx.new_id)

    taken = [Taken(one, received.as_cause) for one, received in zip(decided, batch, strict=True) if one is not None]
    await _save_newcomers(tx, taken)
    opened = [each.decision.opened for each in taken if each.decision.opened]
    entries = [entry for each in taken for entry in each.decision.entries]
    await _save_holds(tx, taken, lines, opened, entries)
    return [each for decision in taken for each in decision.outgoing]


@handlers.on(CreditAssessed)
async def sign_or_decline(batch: Sequence[Received[CreditAssessed]], tx: Tx) -> list[Outgoing]:
    """A provider has answered: sign and hold what waited, or offer the terms, or decline."""
    asked = {received.event.agreement_id: received for received in batch}
    consultations = await consultation_store.open_consultations(tx, list(asked), [r.event.member_id for r in batch])
    context, lines = consultations.context, dict(consultations.context.lines)

    concluded: list[Concluded] = []
    outgoing: list[Outgoing] = []
    for agreement_id in consultations.agreements:
        received = asked[agreement_id]
        refusal = None if received.event.admitted else received.event.reason or "not_admitted"
        conclusion = conclude(consultations.about(agreement_id, refusal), context, clock(tx))
        concluded.append(conclusion)
        outgoing += caused(received.as_cause, conclusion.emitted)

    await consultation_store.save_conclusions(tx, concluded)
    causes = {each.request.order_id: each.cause for rows in consultations.waiting.values() for each in rows}
    taken = [Taken(d, causes[d.request.order_id]) for conclusion in concluded for d in conclusion.decisions]
    opened = [conclusion.opened for conclusion in concluded if conclusion.opened]
    signatures = [entry for conclusion in concluded for entry in conclusion.entries]
    await _save_holds(
        tx, taken, lines, opened, [*signatures, *(entry for each in taken for entry in each.decision.entries)]
    )
    return outgoing + [each for decision in taken for each in decision.outgoing]


@handlers.on(OfferLapsed)
async def lapse_offers(batch: Sequence[Received[OfferLapsed]], tx: Tx) -> list[Outgoing]:
    """The member had time to sign what was offered: unless they did, it is over."""
    causes = {received.event.agreement_id: received for received in batch}
    found = await consultation_store.lock_offers(tx, causes)
    lapsed = [pinned.agreement.moved("lapsed") for pinned in found.values()]
    await agreement_store.save_agreements(tx, lapsed)
    return [causes[agreement.agreement_id].causes(AgreementLapsed(**agreement.facts)) for agreement in lapsed]


class Requested(NamedTuple):
    """A request in the name of the member who pays, if there is one."""

    request: ServiceRequested
    is_payable: bool


def _as_member(event: ServiceRequested, members: Mapping[str, str]) -> Requested:
    request = as_member(event, members.get(event.viewer_id), viewers_are_members=viewers_are_members())
    return Requested(request or event, request is not None)


@dataclass(frozen=True, slots=True)
class Taken:
    """A decision, and the cause of what follows from it."""

    decision: Decision
    cause: Cause

    @property
    def outgoing(self) -> list[Outgoing]:
        """The events of the decision, on its journey."""
        return caused(self.cause, self.decision.emitted)


async def _save_newcomers(tx: Tx, taken: Sequence[Taken]) -> None:
    """Agreements that were made on the way: those that are signed, and those that a provider is asked about."""
    made = [each.decision.agreement for each in taken if each.decision.agreement]
    if not made:
        return
    causes = {each.decision.agreement.agreement_id: each.cause for each in taken if each.decision.agreement}
    await agreement_store.save_agreements(tx, made, causes)
    copies = [
        AssessmentCopy(decision.standing.agreement_id, decision.agreement.agreement_id)
        for decision in (each.decision for each in taken)
        if decision.agreement and decision.standing
    ]
    if copies:
        await assessment_store.copy_assessments(tx, copies)
    asked = {
        agreement.agreement_id: causes[agreement.agreement_id] for agreement in made if agreement.state == "consulted"
    }
    if asked:
        await assessment_store.ask_about(tx, asked, tx.now + patience())
        tx.job_queues.add("assess")


async def _save_holds(
    tx: Tx,
    taken: Sequence[Taken],
    lines: Mapping[LineKey, Line],
    opened: Sequence[Line],
    entries: Sequence[Entry],
) -> None:
    """What is held, what waits, coupons, lines and the ledger. For members under a plan this is all there is to save."""
    decisions = [each.decision for each in taken]
    if opened:
        await line_store.open_lines(tx, opened)
    await hold_store.save_holds(tx, [decision.hold for decision in decisions])
    waiting = [
        Waiting(hold.agreement_id, each.decision.request, each.cause)
        for each in taken
        for hold in [each.decision.hold]
        if hold.state == "waiting" and hold.agreement_id
    ]
    if waiting:
        await assessment_store.wait(tx, waiting)
    await coupon_store.save_coupons(tx, [decision.coupon for decision in decisions if decision.coupon])
    await ledger_store.post(tx, {**lines, **{line.key: line for line in opened}}, entries)
