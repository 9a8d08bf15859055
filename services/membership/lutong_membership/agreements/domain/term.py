"""From the end of the term to the last unit paid: what happens to a signed agreement, and what late events change. Pure.

Until the settlement everything that belongs to the term counts, and may turn fulfilled into
unfulfilled and back. Afterwards, within the grace, a late event can only lower the charge. Later
still it is written down and changes nothing.
"""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

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
from lutong_membership.agreements.domain.account import (
    Account,
    Debt,
    Outcome,
    add_debt,
    booked,
    changed,
    close,
    entry_about,
    moved,
    reduce_debt,
    schedule_dunning,
)
from lutong_membership.agreements.domain.accruals import COUNTS, Accrual, Effect, Quote, quote
from lutong_membership.agreements.domain.agreement import ENDED, SETTLED
from lutong_membership.agreements.domain.collection import Reduction, give_back, notify, void_notices
from lutong_membership.ledger.domain.entries import Entry, EntryKind, pair, retargeted
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.values import Emitted, Refusal


def quoted(account: Account) -> Quote:
    """What would be charged now, or was: by the terms that were signed."""
    return quote(account.plan.terms, list(account.accruals.values()), free=account.agreement.free)


def end_term(account: Account, clock: Clock) -> Outcome:
    """The last moment of the term has passed."""
    agreement = account.agreement
    if agreement.state != "active" or agreement.ends_at is None or agreement.ends_at > clock.now:
        return Outcome(account)
    ended = _judged(account, _deadlines(account, agreement.ends_at, clock))
    due = _settlement_due(ended.account)
    return Outcome(ended.account, ended.entries, (*ended.emitted, due))


class QuitAgreement(NamedTuple):
    """A member leaves before the term is over, for no more than they accepted to pay, in minor units."""

    agreement_id: str
    accepted_charge_minor: int


def leave(account: Account, accepted_charge_minor: int, clock: Clock) -> Outcome | Refusal:
    """The member leaves for no more than what they accepted, by the quote that they saw."""
    outcome = quit_early(account, clock)
    if isinstance(outcome, Refusal):
        return outcome
    charge_minor = quoted(outcome.account).charge_minor
    if charge_minor > accepted_charge_minor:
        detail = f"leaving costs {charge_minor} minor units now"
        return Refusal("quote_changed", detail, {"charge_minor": charge_minor})
    return outcome


def quit_early(account: Account, clock: Clock) -> Outcome | Refusal:
    """The member leaves. What they fulfilled until now counts; within the cooling-off days leaving costs nothing."""
    agreement, quitting = account.agreement, account.plan.terms.quitting
    if agreement.state != "active" or not agreement.covers(max(clock.now, agreement.begins_at or clock.now)):
        return Refusal(
            "term_over", f"the agreement is {agreement.state}, or its term is over: there is nothing to leave"
        )
    if not quitting.allowed:
        return Refusal("no_quitting", "this plan is kept until its term ends")
    signed_at = agreement.signed_at or clock.now
    cooling_until = clock.calendar(account.plan).plus_days(signed_at, quitting.cooling_off_days)
    deadlines = _deadlines(account, clock.now, clock)
    outcome = moved(
        account,
        "quit",
        AgreementQuit(**agreement.facts),
        ends_at=clock.now,
        settle_at=deadlines.settle_at,
        grace_ends_at=deadlines.grace_ends_at,
        free=clock.now < cooling_until,
    )
    return Outcome(outcome.account, (), (*outcome.emitted, _settlement_due(outcome.account)))


class Deadlines(NamedTuple):
    """When a term that ended is settled, and until when late events may still lower the charge."""

    settle_at: datetime | None
    grace_ends_at: datetime | None


def _deadlines(account: Account, ended_at: datetime, clock: Clock) -> Deadlines:
    withholding, calendar = account.plan.terms.withholding, clock.calendar(account.plan)
    if withholding is None:
        return Deadlines(ended_at, ended_at)
    settle_at = calendar.plus_days(ended_at, withholding.delay_days)
    return Deadlines(settle_at, calendar.plus_days(settle_at, withholding.grace_days))


def _settlement_due(account: Account) -> Emitted:
    agreement = account.agreement
    return Emitted(SettlementDue(agreement_id=agreement.agreement_id), agreement.settle_at)


def _judged(account: Account, deadlines: Deadlines) -> Outcome:
    """Fulfilled or not, by what counts so far."""
    facts = account.agreement.facts
    if quoted(account).fulfilled:
        return moved(account, "fulfilled", AgreementFulfilled(**facts), **deadlines._asdict())
    return moved(account, "unfulfilled", AgreementUnfulfilled(**facts), **deadlines._asdict())


def admit(account: Account, accrual: Accrual, clock: Clock, *events: Event) -> Outcome:
    """Write down what happened, with the effect that it still has; `events` report it."""
    agreement = account.agreement
    effect = _effect(account, accrual, clock)
    accrual = replace(accrual, effect=effect)
    outcome = booked(
        account, _enjoyed(account, accrual), *events, accruals={**account.accruals, accrual.accrual_id: accrual}
    )
    if agreement.state in {"fulfilled", "unfulfilled"} and effect == "counted":
        return outcome + _judged_again(outcome.account)
    if effect == "credited":
        return outcome + _credited(outcome.account, accrual.accrual_id, clock)
    return outcome


def _effect(account: Account, accrual: Accrual, clock: Clock) -> Effect:
    """A refund belongs to the time of what it cites, everything else to its own."""
    agreement = account.agreement
    cited = account.accruals.get(accrual.cites or "")
    if not (cited.counts if cited else agreement.covers(accrual.at)):
        return cited.effect if cited else "outside"
    if agreement.state in {"active", *ENDED}:
        return "counted"
    too_late = agreement.grace_ends_at is None or clock.now >= agreement.grace_ends_at
    if agreement.state not in SETTLED or agreement.state == "written_off" or too_late:
        return "late"
    with_it = replace(accrual, effect="credited")
    again = quoted(replace(account, accruals={**account.accruals, accrual.accrual_id: with_it}))
    return "credited" if again.charge_minor <= (agreement.charge_minor or 0) else "late"


def _enjoyed(account: Account, accrual: Accrual) -> list[Entry]:
    """The benefit, on the agreement's account until it is charged or forgiven; after the settlement it is forgiven at once."""
    if accrual.effect not in COUNTS or not accrual.benefit_minor:
        return []
    ours, theirs = f"benefit:{accrual.agreement_id}", f"merchant:{account.agreement.merchant_id}:benefits"
    kind: EntryKind = "benefit_accrued" if accrual.benefit_minor > 0 else "benefit_reversed"
    entry = replace(entry_about(account, kind, accrual.accrual_id), postings=pair(ours, theirs, accrual.benefit_minor))
    if accrual.effect == "counted":
        return [entry]
    forgiven = entry_about(account, "benefit_forgiven", accrual.accrual_id)
    return [entry, replace(forgiven, postings=pair(theirs, ours, accrual.benefit_minor))]


def _judged_again(account: Account) -> Outcome:
    """Before the settlement a late event may turn the outcome, both ways."""
    agreement = account.agreement
    now_fulfilled = quoted(account).fulfilled
    if now_fulfilled == (agreement.state == "fulfilled"):
        return Outcome(account)
    return _judged(account, Deadlines(agreement.settle_at, agreement.grace_ends_at))


def settle(account: Account, clock: Clock) -> Outcome:
    """Decide what is charged, once."""
    agreement = account.agreement
    if agreement.state not in ENDED or agreement.settle_at is None or agreement.settle_at > clock.now:
        return Outcome(account)
    result = quoted(account)
    charge_minor, benefit = result.charge_minor, f"benefit:{agreement.agreement_id}"
    forgiven_minor = result.benefit_minor - charge_minor
    charged = replace(
        entry_about(account, "charge", agreement.agreement_id),
        postings=pair(f"charged:{agreement.member_id}", benefit, charge_minor),
        debt_id=charge_debt_id(agreement.agreement_id),
    )
    forgiven = replace(
        entry_about(account, "benefit_forgiven", agreement.agreement_id),
        postings=pair(f"merchant:{agreement.merchant_id}:benefits", benefit, forgiven_minor),
    )
    outcome = booked(account, [charged, forgiven], agreement=replace(agreement, charge_minor=charge_minor))
    if charge_minor:
        outcome += _charge(outcome.account, result, clock)
    elif account.owes:
        outcome += _collecting(outcome.account)
    else:
        nothing = AgreementSettled(**agreement.facts, charge=account.money(0))
        outcome += moved(outcome.account, "settled", nothing)
    return outcome + _grace(outcome.account, clock)


def charge_debt_id(agreement_id: str) -> str:
    """The debt of an agreement's charge; there is one at most."""
    return f"charge:{agreement_id}"


def _charge(account: Account, result: Quote, clock: Clock) -> Outcome:
    """A charge is due once its notice is over and the window is open, with or without direct debit."""
    agreement = account.agreement
    event = AgreementCharged(
        **agreement.facts, charge=account.money(result.charge_minor), benefit=account.money(result.benefit_minor)
    )
    debt = Debt(
        debt_id=charge_debt_id(agreement.agreement_id),
        agreement_id=agreement.agreement_id,
        member_id=agreement.member_id,
        currency=account.plan.currency,
        kind="charge",
        amount_minor=result.charge_minor,
        outstanding_minor=result.charge_minor,
        incurred_at=clock.now,
    )
    outcome = _collecting(account, event)
    outcome += add_debt(outcome.account, debt)
    outcome += notify(outcome.account, debt.debt_id, clock)
    return outcome + schedule_dunning(outcome.account, clock)


def _collecting(account: Account, *events: Event) -> Outcome:
    """What is owed is being collected; with a dunning step already taken the agreement is overdue at once."""
    outcome = moved(account, "settling", *events)
    return outcome + moved(outcome.account, "overdue") if account.agreement.step != "none" else outcome


def _grace(account: Account, clock: Clock) -> Outcome:
    grace_ends_at = account.agreement.grace_ends_at
    if grace_ends_at is None or grace_ends_at <= clock.now:
        return close(account, clock)
    return Outcome(account, emitted=(Emitted(GraceEnded(agreement_id=account.agreement.agreement_id), grace_ends_at),))


def _credited(account: Account, accrual_id: str, clock: Clock) -> Outcome:
    """A late event lowered the charge: what is unpaid of it is dropped, what was paid is owed to the member."""
    agreement = account.agreement
    due_minor = quoted(account).charge_minor
    back_minor = (agreement.charge_minor or 0) - due_minor
    if back_minor <= 0:
        return Outcome(account)
    event = ChargeCredited(**agreement.facts, amount=account.money(back_minor))
    outcome = changed(account, event, agreement=replace(agreement, charge_minor=due_minor))
    debt_id = charge_debt_id(agreement.agreement_id)
    less = Reduction("charge_credited", accrual_id, debt_id, back_minor)
    return outcome + give_back(outcome.account, less, clock)


def write_off(account: Account, reference: str, clock: Clock) -> Outcome:
    """Nothing more is expected: what is unpaid is a loss, the agreement ends, and the line gives no more credit."""
    debts = account.payable()
    event = AgreementWrittenOff(
        **account.agreement.facts, amount=account.money(sum(debt.outstanding_minor for debt in debts))
    )
    outcome = moved(account, "written_off", event, step="none", step_due_at=None)
    for debt in debts:
        about = entry_about(account, "write_off", reference)
        outcome += reduce_debt(outcome.account, debt, debt.outstanding_minor, "losses", about)
        outcome += void_notices(outcome.account, debt.debt_id, clock)
    outcome += _no_more_credit(outcome.account)
    return outcome + close(outcome.account, clock)


def _no_more_credit(account: Account) -> Outcome:
    line, entries = retargeted(account.line, 0)
    return booked(replace(account, line=line), entries)
