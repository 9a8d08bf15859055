"""Whether a coupon can be used, what is published of it, and when it is over."""

from datetime import timedelta
from typing import Any

import pytest

from lutong_membership.coupons.domain import (
    Coupon,
    CouponState,
    has_lapsed,
    issued_events,
    voided,
    why_not_usable,
)
from lutong_membership.values import Refusal
from tests.unit.membership.a_membership import NOON


def a_coupon(**changes: Any) -> Coupon:
    """Ten yuan off from fifty on, for a day."""
    facts: dict[str, Any] = {
        "coupon_id": "c-1", "stock_id": "s", "member_id": "m", "merchant_id": "shop", "currency": "CNY",
        "amount_off_minor": 1_000, "minimum_minor": 5_000, "expires_at": NOON + timedelta(days=1),
        "ordinal": 1, "member_total": 1,
    }  # fmt: skip
    return Coupon(**facts | changes)


@pytest.mark.parametrize(
    ("coupon", "total_minor", "reason"),
    [
        (a_coupon(), 5_000, None),
        (a_coupon(state="returned"), 9_000, None),
        (a_coupon(), 4_999, "below_coupon_minimum"),
        (a_coupon(expires_at=NOON), 5_000, "coupon_expired"),
        (a_coupon(state="reserved"), 5_000, "coupon_used"),
        (a_coupon(state="redeemed"), 5_000, "coupon_used"),
        (a_coupon(member_id="n"), 5_000, "no_coupon"),
        (a_coupon(merchant_id="other"), 5_000, "no_coupon"),
        (None, 5_000, "no_coupon"),
    ],
)
def test_a_coupon_is_used_by_its_member_at_its_merchant(
    coupon: Coupon | None, total_minor: int, reason: str | None
) -> None:
    assert why_not_usable(coupon, "m", "shop", total_minor, NOON) == reason


def test_an_issued_coupon_is_published_with_its_last_moment() -> None:
    coupon = a_coupon()
    issued, lapse = issued_events(coupon)
    assert (type(issued.event).__name__, issued.due_at) == ("CouponIssued", None)
    assert (type(lapse.event).__name__, lapse.due_at) == ("CouponLapsed", coupon.expires_at)


@pytest.mark.parametrize("state", ["issued", "returned"])
def test_a_coupon_that_no_order_uses_is_taken_back(state: CouponState) -> None:
    coupon = voided(a_coupon(state=state))
    assert isinstance(coupon, Coupon)
    assert coupon.state == "voided"


@pytest.mark.parametrize("state", ["reserved", "redeemed", "expired", "voided"])
def test_a_coupon_that_is_in_use_or_gone_is_not_taken_back(state: CouponState) -> None:
    outcome = voided(a_coupon(state=state))
    assert isinstance(outcome, Refusal)
    assert outcome.kind == "coupon_in_use"


@pytest.mark.parametrize(
    ("state", "lapsed"), [("issued", True), ("returned", True), ("reserved", False), ("redeemed", False)]
)
def test_a_coupon_lapses_unless_an_order_waits_for_it(state: CouponState, lapsed: bool) -> None:  # a column
    coupon = a_coupon(state=state)
    assert has_lapsed(coupon, coupon.expires_at) == lapsed
    assert not has_lapsed(coupon, coupon.expires_at - timedelta(microseconds=1))
