"""From the end of the term to the last unit paid: what happens to a signed agreement, and what late events change. Pure.

Until the settlement everything that belongs to the term counts, and may turn fulfilled into
unfulfilled and back. Afterwards, within the grace, a late event can only lower the charge. Later
still it is written down and changes nothing.
"""

from dataclasses import replace
from datetime import datetime

from lutong_contracts import Event
from lutong_contracts.membership import (
    AgreementCharged,
    AgreementFulfilled,
    AgreementQuit,
    AgreementSettled,
    AgreementUnfulfilled,
    AgreementWrittenOff,
    ChargeCredited,
    GraceEnded,
    SettlementDue,
)
from lutong_membership.domain.accruals import COUNTS, Accrual, Effect
from lutong_membership.domain.agreements import ENDED, SETTLED, Clock, Refusal, Said
from lutong_membership.domain.collection import give_back, notify, void_notices
from lutong_membership.domain.debts import Debt
from lutong_membership.domain.dossier import (
    Dossier,
    Outcome,
    booked,
    changed,
    close,
    entry_about,
    moved,
    owe,
    reduce_debt,
    watch,
)
from lutong_membership.domain.ledger import Entry, pair
from lutong_membership.domain.lines import retargeted
from lutong_membership.domain.settlement import Quote, quote


def quoted(dossier: Dossier) -> Quote:
    """What would be charged now, or was: by the terms that were signed."""
    return quote(dossier.plan.terms, list(dossier.accruals.values()), free=dossier.agreement.free)


def end_term(dossier: Dossier, clock: Clock) -> Outcome:
    """The last moment of the term has passed."""
    agreement = dossier.agreement
    if agreement.state != "active" or agreement.ends_at is None or agreement.ends_at > clock.now:
        return Outcome(dossier)
    ended = _judged(dossier, *_times(dossier, agreement.ends_at, clock))
    due = _settlement_due(ended.dossier)
    return Outcome(ended.dossier, ended.entries, (*ended.said, due))


def quit_early(dossier: Dossier, clock: Clock) -> Outcome | Refusal:
    """The member leaves. What they fulfilled until now counts; within the cooling-off days leaving costs nothing."""
    agreement, quitting = dossier.agreement, dossier.plan.terms.quitting
    if agreement.state != "active" or not agreement.covers(max(clock.now, agreement.begins_at or clock.now)):
        return Refusal(
            "term_over", f"the agreement is {agreement.state}, or its term is over: there is nothing to leave"
        )
    if not quitting.allowed:
        return Refusal("no_quitting", "this plan is kept until its term ends")
    signed_at = agreement.signed_at or clock.now
    cooling_until = clock.calendar(dossier.plan).plus_days(signed_at, quitting.cooling_off_days)
    settle_at, grace_ends_at = _times(dossier, clock.now, clock)
    outcome = moved(
        dossier,
        "quit",
        AgreementQuit(**agreement.facts),
        ends_at=clock.now,
        settle_at=settle_at,
        grace_ends_at=grace_ends_at,
        free=clock.now < cooling_until,
    )
    return Outcome(outcome.dossier, (), (*outcome.said, _settlement_due(outcome.dossier)))


def _times(dossier: Dossier, ended_at: datetime, clock: Clock) -> tuple[datetime, datetime]:
    """When a term that ended is settled, and until when late events may still help."""
    withholding, calendar = dossier.plan.terms.withholding, clock.calendar(dossier.plan)
    if withholding is None:
        return ended_at, ended_at
    settle_at = calendar.plus_days(ended_at, withholding.delay_days)
    return settle_at, calendar.plus_days(settle_at, withholding.grace_days)


def _settlement_due(dossier: Dossier) -> Said:
    agreement = dossier.agreement
    return Said(SettlementDue(agreement_id=agreement.agreement_id), agreement.settle_at)


def _judged(dossier: Dossier, settle_at: datetime | None, grace_ends_at: datetime | None) -> Outcome:
    """Fulfilled or not, by what counts so far."""
    facts = dossier.agreement.facts
    times = {"settle_at": settle_at, "grace_ends_at": grace_ends_at}
    if quoted(dossier).fulfilled:
        return moved(dossier, "fulfilled", AgreementFulfilled(**facts), **times)
    return moved(dossier, "unfulfilled", AgreementUnfulfilled(**facts), **times)


def admit(dossier: Dossier, accrual: Accrual, clock: Clock) -> Outcome:
    """Write down what happened, with the effect that it still has."""
    agreement = dossier.agreement
    effect = _effect(dossier, accrual, clock)
    accrual = replace(accrual, effect=effect)
    outcome = booked(dossier, _enjoyed(dossier, accrual), accruals={**dossier.accruals, accrual.accrual_id: accrual})
    if agreement.state in {"fulfilled", "unfulfilled"} and effect == "counted":
        return outcome.then(_judged_again)
    return outcome.then(_credited, accrual.accrual_id, clock) if effect == "credited" else outcome


def _effect(dossier: Dossier, accrual: Accrual, clock: Clock) -> Effect:
    """A refund belongs to the time of what it cites, everything else to its own."""
    agreement = dossier.agreement
    cited = dossier.accruals.get(accrual.cites or "")
    if not (cited.counts if cited else agreement.covers(accrual.at)):
        return cited.effect if cited else "outside"
    if agreement.state in {"active", *ENDED}:
        return "counted"
    too_late = agreement.grace_ends_at is None or clock.now >= agreement.grace_ends_at
    if agreement.state not in SETTLED or agreement.state == "written_off" or too_late:
        return "late"
    with_it = replace(accrual, effect="credited")
    again = quoted(replace(dossier, accruals={**dossier.accruals, accrual.accrual_id: with_it}))
    return "credited" if again.charge_minor <= (agreement.charge_minor or 0) else "late"


def _enjoyed(dossier: Dossier, accrual: Accrual) -> list[Entry]:
    """The benefit, on the agreement's account until it is charged or forgiven; after the settlement it is forgiven at once."""
    if accrual.effect not in COUNTS or not accrual.benefit_minor:
        return []
    ours, theirs = f"benefit:{accrual.agreement_id}", f"merchant:{dossier.agreement.merchant_id}:benefits"
    kind = "benefit_accrued" if accrual.benefit_minor > 0 else "benefit_reversed"
    entry = replace(entry_about(dossier, kind, accrual.accrual_id), postings=pair(ours, theirs, accrual.benefit_minor))
    if accrual.effect == "counted":
        return [entry]
    forgiven = entry_about(dossier, "benefit_forgiven", accrual.accrual_id)
    return [entry, replace(forgiven, postings=pair(theirs, ours, accrual.benefit_minor))]


def _judged_again(dossier: Dossier) -> Outcome:
    """Before the settlement a late event may turn the outcome, both ways."""
    now_fulfilled = quoted(dossier).fulfilled
    if now_fulfilled == (dossier.agreement.state == "fulfilled"):
        return Outcome(dossier)
    return _judged(dossier, dossier.agreement.settle_at, dossier.agreement.grace_ends_at)


def settle(dossier: Dossier, clock: Clock) -> Outcome:
    """Decide what is charged, once."""
    agreement = dossier.agreement
    if agreement.state not in ENDED or agreement.settle_at is None or agreement.settle_at > clock.now:
        return Outcome(dossier)
    result = quoted(dossier)
    charge_minor, account = result.charge_minor, f"benefit:{agreement.agreement_id}"
    forgiven_minor = result.benefit_minor - charge_minor
    charged = replace(
        entry_about(dossier, "charge", agreement.agreement_id),
        postings=pair(f"charged:{agreement.member_id}", account, charge_minor),
        debt_id=charge_debt_id(agreement.agreement_id),
    )
    forgiven = replace(
        entry_about(dossier, "benefit_forgiven", agreement.agreement_id),
        postings=pair(f"merchant:{agreement.merchant_id}:benefits", account, forgiven_minor),
    )
    outcome = booked(dossier, [charged, forgiven], agreement=replace(agreement, charge_minor=charge_minor))
    if charge_minor:
        outcome = outcome.then(_charge, result, clock)
    elif dossier.owes:
        outcome = outcome.then(_collecting)
    else:
        nothing = AgreementSettled(**agreement.facts, charge=dossier.money(0))
        outcome = outcome.then(moved, "settled", nothing)
    return outcome.then(_grace, clock)


def charge_debt_id(agreement_id: str) -> str:
    """The debt of an agreement's charge; there is one at most."""
    return f"charge:{agreement_id}"


def _charge(dossier: Dossier, result: Quote, clock: Clock) -> Outcome:
    """A charge is due once its notice is over and the window is open, whoever collects it."""
    agreement = dossier.agreement
    event = AgreementCharged(
        **agreement.facts, charge=dossier.money(result.charge_minor), benefit=dossier.money(result.benefit_minor)
    )
    debt = Debt(
        debt_id=charge_debt_id(agreement.agreement_id),
        agreement_id=agreement.agreement_id,
        member_id=agreement.member_id,
        currency=dossier.plan.currency,
        kind="charge",
        amount_minor=result.charge_minor,
        outstanding_minor=result.charge_minor,
        incurred_at=clock.now,
    )
    return _collecting(dossier, event).then(owe, debt).then(notify, debt.debt_id, clock).then(watch, clock)


def _collecting(dossier: Dossier, *events: Event) -> Outcome:
    """What is owed is being collected; who climbed the ladder already is overdue at once."""
    outcome = moved(dossier, "settling", *events)
    return outcome.then(moved, "overdue") if dossier.agreement.step != "none" else outcome


def _grace(dossier: Dossier, clock: Clock) -> Outcome:
    grace_ends_at = dossier.agreement.grace_ends_at
    if grace_ends_at is None or grace_ends_at <= clock.now:
        return close(dossier, clock)
    return Outcome(dossier, said=(Said(GraceEnded(agreement_id=dossier.agreement.agreement_id), grace_ends_at),))


def _credited(dossier: Dossier, accrual_id: str, clock: Clock) -> Outcome:
    """A late event lowered the charge: what is unpaid of it is dropped, what was paid is owed to the member."""
    agreement = dossier.agreement
    due_minor = quoted(dossier).charge_minor
    back_minor = (agreement.charge_minor or 0) - due_minor
    if back_minor <= 0:
        return Outcome(dossier)
    event = ChargeCredited(**agreement.facts, amount=dossier.money(back_minor))
    outcome = changed(dossier, event, agreement=replace(agreement, charge_minor=due_minor))
    debt_id = charge_debt_id(agreement.agreement_id)
    return outcome.then(give_back, "charge_credited", accrual_id, debt_id, back_minor, clock)


def write_off(dossier: Dossier, reference: str, clock: Clock) -> Outcome:
    """Nothing more is expected: what is unpaid is a loss, the agreement ends, and the line gives no more credit."""
    debts = dossier.payable()
    event = AgreementWrittenOff(
        **dossier.agreement.facts, amount=dossier.money(sum(debt.outstanding_minor for debt in debts))
    )
    outcome = moved(dossier, "written_off", event, step="none", step_due_at=None)
    for debt in debts:
        about = entry_about(dossier, "write_off", reference)
        outcome = outcome.then(reduce_debt, debt, debt.outstanding_minor, "losses", about)
        outcome = outcome.then(void_notices, debt.debt_id, clock)
    return outcome.then(_no_more_credit).then(close, clock)


def _no_more_credit(dossier: Dossier) -> Outcome:
    line, entries = retargeted(dossier.line, 0)
    return booked(replace(dossier, line=line), entries)
