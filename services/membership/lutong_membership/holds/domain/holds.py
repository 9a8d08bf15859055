"""What an order costs a member, what becomes of the credit that is set aside for it, and what a delivery or refund does. Pure.

A hold ends once: captured, released or expired. Goods that come after it expired are paid for all
the same: from the line when there is room, else uncovered.

Of an order that several locations serve, each part that comes captures its share; with the end of the order
what no part captured is captured or released.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, NamedTuple

from lutong_contracts.inventory import OrderRefunded
from lutong_contracts.membership import HoldCaptured, NoShowCharged, RefundBooked
from lutong_contracts.values import Money
from lutong_membership.agreements.domain.account import Account, Debt, Outcome, booked, close, incur_debt
from lutong_membership.agreements.domain.accruals import Accrual, reversal, share
from lutong_membership.agreements.domain.collection import Reduction, give_back
from lutong_membership.agreements.domain.term import admit
from lutong_membership.coupons.domain import Coupon
from lutong_membership.ledger.domain.entries import DebtKind, Entry, EntryKind, Legs, Line, pair, settled
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.plans.domain.terms import Terms

HoldState = Literal["waiting", "held", "captured", "released", "expired", "declined", "cancelled"]

HOLD_LIFE: Final[Mapping[HoldState, tuple[HoldState, ...]]] = {
    "waiting": ("held", "declined", "cancelled"),
    "held": ("captured", "released", "expired"),
    "captured": (),
    "released": (),
    "expired": ("captured", "released"),
    "declined": (),
    "cancelled": (),
}


def before(state: HoldState) -> list[HoldState]:
    """The states from which a hold may come to this one."""
    return [earlier for earlier, following in HOLD_LIFE.items() if state in following]


class CaptureBeyondHoldError(ValueError):
    """More was delivered than was ordered: a bug upstream, to be set aside and looked at."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a member pays for an order, and why it is less than the list price. In minor units."""

    total_minor: int
    discount_minor: int = 0
    coupon_minor: int = 0

    @property
    def due_minor(self) -> int:
        """What is set aside, and paid once the goods are there."""
        return self.total_minor - self.discount_minor - self.coupon_minor


def price(total_minor: int, discount_percent: int, coupon: Coupon | None) -> Price:
    """First the member's discount, then the coupon. Every order costs at least one minor unit.

    What the member pays is rounded down, once for the whole order: the fraction is the merchant's to give.
    """
    discounted_minor = max(1, total_minor * (100 - discount_percent) // 100)
    coupon_minor = min(coupon.amount_off_minor, discounted_minor - 1) if coupon else 0
    return Price(total_minor, total_minor - discounted_minor, coupon_minor)


@dataclass(frozen=True, slots=True)
class Hold:
    """What is, or was, set aside for an order; or that nothing is, and why. `benefit_minor` is what the membership gave."""

    order_id: str
    member_id: str
    merchant_id: str
    currency: str
    state: HoldState
    reason: str | None = None
    agreement_id: str | None = None
    amount_minor: int = 0
    total_minor: int = 0
    discount_minor: int = 0
    coupon_minor: int = 0
    benefit_minor: int = 0
    coupon_id: str | None = None
    captured_minor: int = 0
    expires_at: datetime | None = None
    touch: str | None = None
    """The item of the feed that led to the order."""

    @property
    def left_minor(self) -> int:
        """What parts of the order have not captured yet."""
        return self.amount_minor - self.captured_minor


@dataclass(frozen=True, slots=True)
class Capture:
    """What a delivery does to its hold: its entries, what debt it leaves and of which kind, and what went back to the line."""

    entries: list[Entry]
    debt: DebtKind
    due_minor: int
    released_minor: int


def capture(hold: Hold, line: Line, amount: Money, part_id: str | None = None) -> Capture:
    """The member has the goods: all that come of the order, or the part `part_id` of it. Of an open hold the rest is released
    once all came; a hold that expired has a defined end too.
    """
    due_minor = amount.amount_minor - (0 if part_id else hold.captured_minor)
    if not 0 <= due_minor <= hold.left_minor or amount.currency != hold.currency:
        message = f"order {hold.order_id}: {amount} delivered, {hold.left_minor} {hold.currency} held"
        raise CaptureBeyondHoldError(message)
    of_part = replace(hold, order_id=part_id or hold.order_id)
    if hold.state == "held":
        ours = pair(f"owed:{line.member_id}", f"held:{line.member_id}", due_minor)
        entries = [_captured("capture", of_part, line, due_minor, ours)]
        rest_minor = 0 if part_id else hold.left_minor - due_minor
        return Capture(
            settled(line, *_some(*entries, released(hold, line, rest_minor))), "order", due_minor, rest_minor
        )
    if due_minor <= line.available_minor:
        ours = pair(f"owed:{line.member_id}", f"available:{line.member_id}", due_minor)
        return Capture(_some(_captured("late_capture", of_part, line, due_minor, ours)), "order", due_minor, 0)
    ours = pair(f"uncovered:{line.member_id}", "platform:beyond", due_minor)
    return Capture(_some(_captured("uncovered_capture", of_part, line, due_minor, ours)), "uncovered", due_minor, 0)


def released(hold: Hold, line: Line, amount_minor: int, kind: EntryKind = "release") -> Entry:
    """What was held is available again."""
    legs = pair(f"available:{line.member_id}", f"held:{line.member_id}", amount_minor)
    return Entry(kind, line.member_id, line.currency, legs, hold.order_id, hold.agreement_id)


def _captured(kind: EntryKind, hold: Hold, line: Line, amount_minor: int, ours: Legs) -> Entry:
    """The goods are to be paid: `ours` are the legs on the member's accounts, and the merchant is owed as much."""
    legs = (*ours, *pair("platform:advances", f"merchant:{hold.merchant_id}:payable", amount_minor))
    return Entry(kind, line.member_id, line.currency, legs, hold.order_id, hold.agreement_id)


def _some(*entries: Entry) -> list[Entry]:
    """Entries that move something."""
    return [entry for entry in entries if entry.postings]


def accrual_id(order_id: str) -> str:
    """The business id of the accrual of an order, or of a part of one, and of its debt."""
    return f"order:{order_id}"


def refund_accrual_id(merchant_id: str, refund_id: str) -> str:
    """The business id of a refund: its id belongs to the merchant who chose it. No id contains a colon."""
    return f"refund:{merchant_id}:{refund_id}"


class Delivery(NamedTuple):
    """What came, at the moment `at` of business time: an order for an amount in all, or the part `part_id` of it for its own."""

    amount: Money
    at: datetime
    part_id: str | None = None


def deliver(account: Account, hold: Hold, came: Delivery, clock: Clock) -> Outcome:
    """Capture what was held: it counts, it was enjoyed, and it is to be paid. An order counts once, with what comes of it first."""
    captured = capture(hold, account.line, came.amount, came.part_id)
    amount_minor = captured.due_minor
    event = HoldCaptured(
        order_id=hold.order_id,
        member_id=hold.member_id,
        merchant_id=hold.merchant_id,
        amount=account.money(amount_minor),
        released=account.money(captured.released_minor),
        touch=hold.touch,
        fulfilment_id=came.part_id,
    )
    outcome = booked(account, captured.entries, event)
    if not amount_minor:
        return outcome if came.part_id else outcome + close(outcome.account, clock)
    key, days = accrual_id(came.part_id or hold.order_id), account.plan.terms.payment.days
    accrual = Accrual(
        accrual_id=key,
        agreement_id=account.agreement.agreement_id,
        kind="order",
        at=came.at,
        times=0 if hold.captured_minor else 1,
        amount_minor=amount_minor,
        benefit_minor=share(hold.benefit_minor, amount_minor, hold.amount_minor),
        order_id=hold.order_id,
    )
    debt = Debt(
        debt_id=key,
        agreement_id=account.agreement.agreement_id,
        member_id=hold.member_id,
        currency=hold.currency,
        kind=captured.debt,
        amount_minor=amount_minor,
        outstanding_minor=amount_minor,
        incurred_at=clock.now,
        due_at=clock.calendar(account.plan).plus_days(clock.now, days) if days else None,
    )
    outcome += admit(outcome.account, accrual, clock)
    return outcome + incur_debt(outcome.account, debt, clock)


def fee_of(hold: Hold, terms: Terms) -> int:
    """What is kept of a hold when nobody picks the order up, in minor units: nothing of one that expired, and never more than it."""
    return min(terms.no_show_fee_minor, hold.left_minor) if hold.state == "held" else 0


def fee_debt_id(order_id: str) -> str:
    """The debt of the fee for an order that nobody picked up; there is one at most."""
    return f"fee:{order_id}"


def keep_fee(account: Account, hold: Hold, clock: Clock) -> Outcome:
    """Nobody picked the order up, and the terms keep a fee of it: the fee is to be paid, and the rest is released.

    Nothing came: it counts towards no obligation, and nothing was enjoyed.
    """
    fee_minor, line = fee_of(hold, account.plan.terms), account.line
    ours = pair(f"owed:{line.member_id}", f"held:{line.member_id}", fee_minor)
    rest_minor = hold.left_minor - fee_minor
    entries = _some(_captured("no_show_fee", hold, line, fee_minor, ours), released(hold, line, rest_minor))
    event = NoShowCharged(
        order_id=hold.order_id,
        member_id=hold.member_id,
        merchant_id=hold.merchant_id,
        fee=account.money(fee_minor),
        released=account.money(rest_minor),
    )
    days = account.plan.terms.payment.days
    debt = Debt(
        debt_id=fee_debt_id(hold.order_id),
        agreement_id=account.agreement.agreement_id,
        member_id=hold.member_id,
        currency=hold.currency,
        kind="order",
        amount_minor=fee_minor,
        outstanding_minor=fee_minor,
        incurred_at=clock.now,
        due_at=clock.calendar(account.plan).plus_days(clock.now, days) if days else None,
    )
    outcome = booked(account, settled(line, *entries), event)
    return outcome + incur_debt(outcome.account, debt, clock)


def refund(account: Account, event: OrderRefunded, at: datetime, clock: Clock) -> Outcome:
    """Part of an order was taken back: the accrual shrinks by it, and so does what the member is to pay for it.

    The benefit goes first: when that lowers a charge, the charge is lowered before the order's debt is.
    """
    order_id, refund_id, amount_minor = event.order_id, event.refund_id, event.amount.amount_minor
    cited = account.accruals.get(accrual_id(event.served_as)) or account.accruals[accrual_id(order_id)]
    before = [accrual for accrual in account.accruals.values() if accrual.cites == cited.accrual_id]
    taken_back = reversal(refund_accrual_id(event.merchant_id, refund_id), cited, before, amount_minor, at)
    taken_back = replace(taken_back, times=_times_back(account, cited, amount_minor))
    booking = RefundBooked(
        order_id=order_id,
        refund_id=refund_id,
        member_id=account.agreement.member_id,
        merchant_id=account.agreement.merchant_id,
        amount=account.money(amount_minor),
        fulfilment_id=event.fulfilment_id,
        touch=event.touch,
    )
    outcome = admit(account, taken_back, clock, booking)
    less = Reduction("refund", refund_id, cited.accrual_id, amount_minor)
    return outcome + give_back(outcome.account, less, clock)


def _times_back(account: Account, cited: Accrual, amount_minor: int) -> int:
    """By how much an order counts less with a refund of it: not at all, as long as some of any part of it stays that counts as
    the one that is cited does.
    """
    every = account.accruals.values()
    came = {
        a.accrual_id for a in every if a.order_id == cited.order_id and a.kind == "order" and a.counts == cited.counts
    }
    of_order = [accrual for accrual in every if accrual.accrual_id in came or accrual.cites in came]
    is_all_back = sum(accrual.amount_minor for accrual in of_order) == amount_minor
    return -sum(accrual.times for accrual in of_order) if is_all_back else 0
