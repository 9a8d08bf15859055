"""What happens to membership: every command and every event at least once."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from lutong_contracts import Event
from lutong_contracts.feed import AccountBindingAsked, AccountBindingEnded, MemberExposed
from lutong_contracts.hosts import CapabilitiesChanged
from lutong_contracts.inventory import OrderCancelled, OrderRefunded, OrderRejected
from lutong_contracts.membership import (
    AgreementSigned,
    CouponLapsed,
    CreditAssessed,
    DeductionDue,
    DeductionFailed,
    DeductionSucceeded,
    GraceEnded,
    HoldLapsed,
    OfferLapsed,
    OverdueStepDue,
    RepaymentLapsed,
    SettlementDue,
    TermEnded,
)
from tests.integration.crashes.crashing_process import Command
from tests.integration.crashes.steps import Meanwhile, Step
from tests.integration.membership.story import OBLIGED
from tests.support.builders import GOOD_PROFILE, a_request, fulfilled, part_fulfilled

_ONE: Final = {"amount_minor": 1, "currency": "CNY"}
_TERMS: Final = OBLIGED | {
    "benefits": {
        "discount_percent": 10,
        "rights": [{"right_id": "spa", "title": "spa", "times": 2, "value_minor": 500}],
        "coupons": [{"stock_id": "spring"}],
    },
    "no_show": "keep",
    "no_show_fee_minor": 300,
}
_COUPONS: Final = {"merchant_id": "shop", "amount_off_minor": 100, "total": 9, "daily_total": 9, "member_total": 9}
_PLAN: Final = {"merchant_id": "shop", "title": "轻会员", "line_limit_minor": 100_000, "terms": _TERMS}
_ADMIT: Final = Meanwhile(
    """
    INSERT INTO assessment (agreement_id, member_id, points, limit_minor, reasons, provider, valid_until)
    SELECT agreement_id, member_id, 800, 90000, '{}', 'story', now() FROM agreement WHERE state = 'consulted'
    """
)
_REASON: Final = {"reason": "as the story goes"}
_LOOKED: Final = {"reason": "looked at it"}
_CONSENT: Final = Command("PUT", "/v1/members/m-1/accounts/bo", who="m-1")
_BINDING: Final = {"viewer_id": "bo", "binding_id": "b-1", "member_id": "m-1"}
_SHOWN: Final = {"amount_minor": 100, "bank": "icbc", "reference": "T-1"}


def _pass(days: int) -> Meanwhile:
    """Let so many days pass for every agreement: what is due is due that much sooner."""
    names = ("signed_at", "begins_at", "ends_at", "settle_at", "grace_ends_at", "step_due_at")
    sets = ", ".join(f"{name} = {name} - interval '{days} days'" for name in names)
    debts = f"UPDATE debt SET due_at = due_at - interval '{days} days'"
    return Meanwhile(f"UPDATE agreement SET {sets}; {debts}")


def _of(
    path: str, body: Mapping[str, Any] | None = None, method: str = "POST", who: str = "ada"
) -> Callable[[Mapping[str, Any]], Command]:
    """A command about the agreement, coupon or proposal that was spoken of last."""
    return lambda known: Command(method, path.format(**known), body, who=who)


def _about(event: type[Event], **facts: Any) -> Callable[[Mapping[str, Any]], Event]:  # fields of the event
    """An event about the agreement, or the coupon, that was spoken of last."""
    names = {"agreement_id", "coupon_id", "repayment_id"} & set(event.model_fields)
    return lambda known: event.model_validate({name: known[name] for name in names} | facts)


def _a_deduction(state: str, attempt: int) -> Meanwhile:
    """An attempt that is as far as this."""
    return Meanwhile(
        f"""
        INSERT INTO deduction (deduction_id, agreement_id, debt_id, member_id, currency, amount_minor, notified_at,
                               not_before, attempt, state)
        SELECT 'd-{attempt}', agreement_id, debt_id, member_id, currency, 1, now() - interval '3 days',
               now() - interval '1 day', {attempt}, '{state}'
          FROM debt WHERE kind = 'charge'
        """
    )


MEMBERSHIP: Final[tuple[Step, ...]] = (
    Command("PUT", "/v1/plans/light", _PLAN),
    Command("PUT", "/v1/coupon-stocks/spring", _COUPONS),
    CapabilitiesChanged(program_id="held-to", granted=("pay",), enforced=True, revision=1),
    Command("PUT", "/v1/members/m-1/profile", GOOD_PROFILE),
    Command(
        "POST", "/v1/members/profiles/batch", {"profiles": [{"member_id": f"m-{n}", **GOOD_PROFILE} for n in (2, 3, 4)]}
    ),
    Command("DELETE", "/v1/members/m-4/profile"),
    # m-2 asks, is offered the terms, and does not sign; m-3 leaves
    Command("POST", "/v1/members/m-2/consultations", {"plan_id": "light"}),
    _ADMIT,
    _about(CreditAssessed, member_id="m-2", admitted=True),
    _about(OfferLapsed),
    Command("POST", "/v1/members/m-3/consultations", {"plan_id": "light"}),
    _ADMIT,
    _about(CreditAssessed, member_id="m-3", admitted=True),
    _of("/v1/agreements/{agreement_id}/signature"),
    _of("/v1/agreements/{agreement_id}/quit", {"accepted_charge_minor": 0}),
    # m-1 orders: one is delivered, one rejected, one cancelled, one not picked up, one takes too long
    Command("POST", "/v1/members/m-1/consultations", {"plan_id": "light"}),
    _ADMIT,
    _about(CreditAssessed, member_id="m-1", admitted=True),
    _of("/v1/agreements/{agreement_id}/signature"),
    _about(AgreementSigned, member_id="m-1", plan_id="light", merchant_id="shop"),
    Command("POST", "/v1/coupon-stocks/spring/coupons", {"member_id": "m-1"}),
    _of("/v1/coupons/{coupon_id}/void", _REASON),
    Command("POST", "/v1/coupon-stocks/spring/coupons", {"member_id": "m-1"}),
    lambda known: a_request("o-1", 20_000).model_copy(update={"coupon_id": known["coupon_id"]}),
    part_fulfilled("o-1", 2, 900),
    fulfilled("o-1", 17_900),
    a_request("o-2"),
    OrderRejected(order_id="o-2", merchant_id="shop", reason="out_of_stock"),
    a_request("o-3"),
    OrderCancelled(order_id="o-3", member_id="m-1", merchant_id="shop", reason="cancelled_by_store"),
    a_request("o-missed"),
    OrderCancelled(order_id="o-missed", member_id="m-1", merchant_id="shop", reason="no_show"),
    a_request("o-4"),
    HoldLapsed(order_id="o-4"),
    Command("POST", "/v1/members/m-1/repayments", {"amount_minor": 100}, who="m-1"),
    _of("/v1/repayments/{repayment_id}/confirmation", _SHOWN),
    Command("POST", "/v1/members/m-1/repayments", {"amount_minor": 100}, who="m-1"),
    _of("/v1/repayments/{repayment_id}/rejection", _REASON),
    Command("POST", "/v1/members/m-1/repayments", {"amount_minor": 100}, who="m-1"),
    Meanwhile("UPDATE repayment SET expires_at = now() - interval '1 day' WHERE state = 'claimed'"),
    _about(RepaymentLapsed),
    Command("POST", "/v1/members/m-1/repayments", {"amount_minor": 17_200, "bank": "icbc", "reference": "T-2"}),
    OrderRefunded(
        order_id="o-1",
        refund_id="r-1",
        member_id="m-1",
        merchant_id="shop",
        amount={"amount_minor": 1_000, "currency": "CNY"},
    ),
    Command("POST", "/v1/members/m-1/payouts", _REASON | {"amount_minor": 50}),
    Command("PUT", "/v1/members/m-1/line", _REASON | {"limit_minor": 80_000}),
    _of("/v1/agreements/{agreement_id}/rights/spa/uses", {"use_id": "u-1"}, who="m-1"),
    _of("/v1/agreements/{agreement_id}/rights/spa/uses/u-1?chosen_by=member", method="DELETE"),
    a_request("o-5", 40_000),
    fulfilled("o-5", 36_000),
    # the term ends; what is owed is collected, waived, written off
    _pass(30),
    _about(TermEnded),
    _pass(3),
    _about(SettlementDue),
    _about(OverdueStepDue),
    _a_deduction("notified", 1),
    _about(DeductionDue, deduction_id="d-1"),
    Meanwhile("UPDATE deduction SET state = 'failed'"),
    _about(DeductionFailed, deduction_id="d-1", member_id="m-1", amount=_ONE, reason="insufficient_funds"),
    _a_deduction("taken", 2),
    _about(DeductionSucceeded, deduction_id="d-2", member_id="m-1", amount=_ONE),
    _of("/v1/agreements/{agreement_id}/waivers", _REASON | {"debt_id": "order:o-5", "amount_minor": 20_000}),
    _of("/v1/proposals/{proposal_id}/rejection", _LOOKED, who="another"),
    _of("/v1/agreements/{agreement_id}/write-off", _REASON),
    _of("/v1/proposals/{proposal_id}/approval", _LOOKED, who="another"),
    _about(GraceEnded),
    Command("POST", "/v1/coupon-stocks/spring/coupons", {"member_id": "m-3"}),
    Meanwhile("UPDATE coupon SET expires_at = now() - interval '1 day' WHERE state = 'issued'"),
    _about(CouponLapsed),
    # bo may order as m-1, and does, until either of them ends it
    _CONSENT,
    AccountBindingAsked(**_BINDING),
    AccountBindingEnded(**_BINDING),
    _CONSENT,
    Command("DELETE", "/v1/members/m-1/accounts/bo", who="m-1"),
    MemberExposed(
        member_id="m-9", merchant_id="shop", plan_id="light", held_out=False, exposed_at="2026-01-02T00:00:00Z"
    ),
)
