"""Who may enjoy first and pay later, and how much. Pure: no clock, no database, no ids made here.

Every decision about money is one of four movements on a credit line: hold, capture, release,
repay. At each step `held + owed <= limit`, and the movement is a balanced entry of the ledger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from lutong_contracts import Event
from lutong_contracts.feed import ServiceRequested
from lutong_contracts.membership import AgreementDeclined, AgreementSigned, CreditDeclined, CreditHeld

HoldState = Literal["held", "captured", "released", "declined", "cancelled"]
EntryKind = Literal["line_opened", "line_changed", "hold", "capture", "release", "repayment"]


@dataclass(frozen=True, slots=True)
class Applicant:
    """What is known of a member who asks for credit. Never leaves this service."""

    member_id: str
    months_known: int
    late_months: int
    worst_delay_months: int
    utilisation_percent: int
    declared_limit_minor: int


@dataclass(frozen=True, slots=True)
class Assessment:
    """A provider's verdict. Points and reasons stay here; only the decision travels."""

    member_id: str
    points: int
    limit_minor: int
    reasons: tuple[str, ...]
    provider: str


class CreditProvider(Protocol):
    """Who assesses applicants. An outside provider would answer from its own cache, not in a transaction."""

    def assess(self, applicant: Applicant) -> Assessment:
        """Judge one applicant."""
        ...


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The built-in provider: points per attribute, 350 to 950, the same answer for the same facts."""

    name: str = "scorecard-1"
    limits_by_points: tuple[tuple[int, int], ...] = ((760, 2_000_000), (680, 800_000), (600, 300_000))

    def assess(self, applicant: Applicant) -> Assessment:
        """Add up points; each attribute that costs more than fifty is given as a reason."""
        marks = {
            "long_known": min(applicant.months_known, 60),
            "paid_late": -45 * applicant.late_months,
            "long_delay": -60 * applicant.worst_delay_months,
            "high_utilisation": -max(0, applicant.utilisation_percent - 30),
            "small_declared_limit": -60 if applicant.declared_limit_minor < 500_000 else 20,
        }
        points = max(350, min(950, 680 + sum(marks.values())))
        reasons = tuple(sorted(name for name, mark in marks.items() if mark <= -50))
        limit_minor = next((limit for least, limit in self.limits_by_points if points >= least), 0)
        return Assessment(applicant.member_id, points, limit_minor, reasons, self.name)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a merchant offers: membership on credit up to a cap, in one currency."""

    plan_id: str
    merchant_id: str
    currency: str
    line_limit_minor: int


@dataclass(frozen=True, slots=True)
class Line:
    """A member's credit line in one currency, in minor units."""

    member_id: str
    currency: str
    limit_minor: int
    held_minor: int = 0
    owed_minor: int = 0

    @property
    def available_minor(self) -> int:
        """What may still be held."""
        return self.limit_minor - self.held_minor - self.owed_minor

    def hold(self, amount_minor: int) -> "Line | None":
        """Set credit aside, or None when there is not enough."""
        if amount_minor > self.available_minor:
            return None
        return replace(self, held_minor=self.held_minor + amount_minor)

    def capture(self, amount_minor: int) -> "Line":
        """What was held is owed."""
        return replace(self, held_minor=self.held_minor - amount_minor, owed_minor=self.owed_minor + amount_minor)

    def release(self, amount_minor: int) -> "Line":
        """What was held is available again."""
        return replace(self, held_minor=self.held_minor - amount_minor)

    def repay(self, amount_minor: int) -> "Line | None":
        """What was owed is available again; None when that much is not owed."""
        if amount_minor > self.owed_minor:
            return None
        return replace(self, owed_minor=self.owed_minor - amount_minor)


@dataclass(frozen=True, slots=True)
class Entry:
    """One balanced entry of the ledger: (account, amount) pairs, debits positive, credits negative."""

    kind: EntryKind
    member_id: str
    currency: str
    postings: tuple[tuple[str, int], ...]
    order_id: str | None = None


def entry(kind: EntryKind, line: Line, amount_minor: int, *, order_id: str | None = None, merchant: str = "") -> Entry:
    """The legs of a movement.

    Accounts: `available|held|owed:<member>` mirror the line; `platform:limits` is the other side of
    what was granted; `merchant:<id>:payable` and `platform:advances` are what the platform advances
    to the merchant at capture; `platform:cash` is what members repaid.
    """
    available, held, owed = (f"{name}:{line.member_id}" for name in ("available", "held", "owed"))
    legs: dict[EntryKind, tuple[tuple[str, int], ...]] = {
        "line_opened": ((available, amount_minor), ("platform:limits", -amount_minor)),
        "line_changed": ((available, amount_minor), ("platform:limits", -amount_minor)),
        "hold": ((held, amount_minor), (available, -amount_minor)),
        "release": ((available, amount_minor), (held, -amount_minor)),
        "capture": (
            (owed, amount_minor),
            (held, -amount_minor),
            ("platform:advances", amount_minor),
            (f"merchant:{merchant}:payable", -amount_minor),
        ),
        "repayment": (
            (available, amount_minor),
            (owed, -amount_minor),
            ("platform:cash", amount_minor),
            ("platform:advances", -amount_minor),
        ),
    }
    return Entry(kind, line.member_id, line.currency, tuple(leg for leg in legs[kind] if leg[1]), order_id)


@dataclass(frozen=True, slots=True)
class Agreement:
    """A member's standing under a plan."""

    agreement_id: str
    member_id: str
    plan_id: str
    state: Literal["active", "declined"]


@dataclass(frozen=True, slots=True)
class Books:
    """What a batch of requests is decided on: everything its members and merchants have so far."""

    plans: Mapping[str, Plan]  # by merchant
    applicants: Mapping[str, Applicant]
    agreements: Mapping[tuple[str, str], Agreement]  # active ones, by (member, plan)
    lines: Mapping[tuple[str, str], Line]  # by (member, currency)
    answered: frozenset[str]  # orders that have a hold, or were answered without one
    cancelled: frozenset[str]  # orders that ended before they were asked for


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one request: facts to say, and what to write."""

    request: ServiceRequested
    events: tuple[Event, ...]
    hold_state: HoldState
    agreement: Agreement | None = None
    assessment: Assessment | None = None
    line_before: Line | None = None
    line_after: Line | None = None


def decide(
    request: ServiceRequested, books: Books, provider: CreditProvider, fresh_agreement_id: str
) -> Decision | None:
    """Admit the member if need be, and hold the order's amount. None when it was answered before."""
    if request.order_id in books.cancelled:
        return _declined(request, "order_cancelled", state="cancelled")
    if request.order_id in books.answered:
        return None
    plan = books.plans.get(request.merchant_id)
    if plan is None:
        return _declined(request, "no_plan")
    if plan.currency != request.total.currency:
        return _declined(request, "currency_mismatch")
    line = books.lines.get((request.viewer_id, plan.currency))
    agreement = books.agreements.get((request.viewer_id, plan.plan_id))
    if agreement and line:
        return _held(request, plan, agreement, line)
    applicant = books.applicants.get(request.viewer_id)
    if applicant is None:
        return _declined(request, "unknown_applicant")
    return _assessed(request, plan, line, provider.assess(applicant), fresh_agreement_id)


def _assessed(
    request: ServiceRequested, plan: Plan, line: Line | None, assessment: Assessment, agreement_id: str
) -> Decision:
    """Sign or decline; a line that is there is kept: a new plan never lowers it."""
    facts = {
        "agreement_id": agreement_id,
        "member_id": request.viewer_id,
        "plan_id": plan.plan_id,
        "merchant_id": plan.merchant_id,
    }
    limit_minor = min(assessment.limit_minor, plan.line_limit_minor)
    if not limit_minor:
        declined = Agreement(agreement_id, request.viewer_id, plan.plan_id, "declined")
        said = AgreementDeclined(**facts, reason="not_admitted")
        outcome = _declined(request, "not_admitted")
        return replace(outcome, events=(said, *outcome.events), agreement=declined, assessment=assessment)
    signed = Agreement(agreement_id, request.viewer_id, plan.plan_id, "active")
    opened = line or Line(request.viewer_id, plan.currency, limit_minor)
    outcome = _held(request, plan, signed, opened)
    said_signed = AgreementSigned(**facts)
    return replace(
        outcome,
        events=(said_signed, *outcome.events),
        agreement=signed,
        assessment=assessment,
        line_before=line,
        line_after=outcome.line_after or opened,
    )


def _held(request: ServiceRequested, plan: Plan, agreement: Agreement, line: Line) -> Decision:
    after = line.hold(request.total.amount_minor)
    if after is None:
        return _declined(request, "over_limit")
    said = CreditHeld(
        order_id=request.order_id,
        agreement_id=agreement.agreement_id,
        member_id=request.viewer_id,
        merchant_id=plan.merchant_id,
        post_id=request.post_id,
        program_id=request.program_id,
        amount=request.total,
        lines=request.lines,
        destination=request.destination,
        mode=request.mode,
    )
    return Decision(request, (said,), "held", line_before=line, line_after=after)


def _declined(request: ServiceRequested, reason: str, state: HoldState = "declined") -> Decision:
    said = CreditDeclined(
        order_id=request.order_id, member_id=request.viewer_id, merchant_id=request.merchant_id, reason=reason
    )
    return Decision(request, (said,), state)


def decide_all(
    requests: Sequence[tuple[ServiceRequested, str]], books: Books, provider: CreditProvider
) -> list[Decision | None]:
    """Decide in order of arrival: what one request takes is gone for the next one in the same batch."""
    decisions = []
    for request, fresh_agreement_id in requests:
        decision = decide(request, books, provider, fresh_agreement_id)
        if decision is not None:
            books = after(books, decision)
        decisions.append(decision)
    return decisions


def after(books: Books, decision: Decision) -> Books:
    """The books once a decision took effect."""
    lines, agreements = dict(books.lines), dict(books.agreements)
    if decision.line_after:
        lines[decision.line_after.member_id, decision.line_after.currency] = decision.line_after
    if decision.agreement and decision.agreement.state == "active":
        agreements[decision.agreement.member_id, decision.agreement.plan_id] = decision.agreement
    answered = books.answered | {decision.request.order_id}
    return replace(books, lines=lines, agreements=agreements, answered=answered)
