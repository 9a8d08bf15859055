"""The member has the goods, or part of them goes back: what that does to the line, the obligation and the debts. Pure."""

from datetime import datetime

from lutong_contracts.inventory import OrderRefunded
from lutong_contracts.membership import HoldCaptured, RefundBooked
from lutong_contracts.values import Money
from lutong_membership.agreements.domain.account import Account, Outcome, booked, changed, incur_debt
from lutong_membership.agreements.domain.accruals import Accrual, reversal, share
from lutong_membership.agreements.domain.collection import Reduction, give_back
from lutong_membership.agreements.domain.debts import Debt
from lutong_membership.agreements.domain.term import admit
from lutong_membership.holds.domain.holds import Hold, capture
from lutong_membership.plans.domain.clock import Clock


def accrual_id(order_id: str) -> str:
    """The business id of an order's accrual, and of its debt."""
    return f"order:{order_id}"


def refund_accrual_id(merchant_id: str, refund_id: str) -> str:
    """The business id of a refund: its id belongs to the merchant who chose it. No id contains a colon."""
    return f"refund:{merchant_id}:{refund_id}"


def deliver(account: Account, hold: Hold, amount: Money, at: datetime, clock: Clock) -> Outcome:
    """Capture what was held, at the moment `at` of business time: it counts, it was enjoyed, and it is to be paid."""
    captured = capture(hold, account.line, amount)
    amount_minor = amount.amount_minor
    event = HoldCaptured(
        order_id=hold.order_id,
        member_id=hold.member_id,
        merchant_id=hold.merchant_id,
        amount=account.money(amount_minor),
        released=account.money(captured.released_minor),
    )
    outcome = booked(account, captured.entries, event)
    if not amount_minor:
        return outcome
    key, days = accrual_id(hold.order_id), account.plan.terms.payment.days
    accrual = Accrual(
        accrual_id=key,
        agreement_id=account.agreement.agreement_id,
        kind="order",
        at=at,
        times=1,
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


def refund(account: Account, event: OrderRefunded, at: datetime, clock: Clock) -> Outcome:
    """Part of an order was taken back: the accrual shrinks by it, and so does what the member is to pay for it.

    The benefit goes first: when that lowers a charge, the charge is lowered before the order's debt is.
    """
    order_id, refund_id, amount_minor = event.order_id, event.refund_id, event.amount.amount_minor
    cited = account.accruals[accrual_id(order_id)]
    before = [accrual for accrual in account.accruals.values() if accrual.cites == cited.accrual_id]
    taken_back = reversal(refund_accrual_id(event.merchant_id, refund_id), cited, before, amount_minor, at)
    booking = RefundBooked(
        order_id=order_id,
        refund_id=refund_id,
        member_id=account.agreement.member_id,
        merchant_id=account.agreement.merchant_id,
        amount=account.money(amount_minor),
    )
    outcome = changed(account, booking)
    outcome += admit(outcome.account, taken_back, clock)
    less = Reduction("refund", refund_id, cited.accrual_id, amount_minor)
    return outcome + give_back(outcome.account, less, clock)
