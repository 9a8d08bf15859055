"""Coupons: what a stock gives out, and what becomes of each coupon."""

from dataclasses import replace
from typing import Any

import pytest

from lutong_membership.coupons.domain import COUPON_LIFE, Coupon, CouponState, Holder, Stock, issue
from lutong_membership.values import Refusal
from tests.unit.membership.a_membership import a_clock

STOCK = Stock("s", "shop", "CNY", 1_000, 5_000, total=5, daily_total=3, member_total=2, valid_days=30)


def taken(stock: Stock, *members: str, days: float = 0) -> tuple[Stock, list[Coupon | str]]:
    """What members get who ask one after the other."""
    found: list[Coupon | str] = []
    for member in members:
        before = sum(isinstance(coupon, Coupon) and coupon.member_id == member for coupon in found)
        outcome = issue(stock, f"c-{len(found)}", Holder(member), before, a_clock(days))
        if isinstance(outcome, Refusal):
            found.append(outcome.kind)
        else:
            stock, coupon = outcome
            found.append(coupon)
    return stock, found


def names(found: list[Coupon | str]) -> list[str]:
    return [each if isinstance(each, str) else "coupon" for each in found]


def test_a_stock_is_limited_by_day_by_member_and_in_all() -> None:
    stock, first = taken(STOCK, "a", "a", "a", "b", "c")
    assert names(first) == ["coupon", "coupon", "member_total_reached", "coupon", "daily_total_reached"]
    stock, second = taken(stock, "c", "d", "e", days=1)
    assert names(second) == ["coupon", "coupon", "stock_empty"]
    assert stock.issued == 5


def test_the_day_of_a_stock_is_its_zones() -> None:
    stock, _ = taken(replace(STOCK, daily_total=1), "a")  # at noon in Shanghai
    assert names(taken(stock, "b", days=0.49)[1]) == ["daily_total_reached"]
    assert names(taken(stock, "b", days=0.5)[1]) == ["coupon"]  # midnight in Shanghai


def test_a_stock_that_is_paused_gives_out_nothing() -> None:
    assert names(taken(replace(STOCK, paused=True), "a")[1]) == ["stock_paused"]


def a_coupon(**changes: Any) -> Coupon:
    (coupon,) = taken(STOCK, "a")[1]
    assert isinstance(coupon, Coupon)
    return replace(coupon, **changes)


def test_a_coupon_of_a_failed_order_can_be_used_again() -> None:
    reserved = a_coupon().moved("reserved", order_id="o-1")
    back = reserved.returned(a_clock(29).now)
    assert (back.state, back.order_id) == ("returned", None)
    assert back.moved("reserved", order_id="o-2").moved("redeemed").state == "redeemed"
    assert reserved.returned(a_clock(30).now).state == "expired"


@pytest.mark.parametrize("state", ["redeemed", "expired", "voided"])
def test_a_coupon_that_is_gone_never_comes_back(state: CouponState) -> None:
    assert COUPON_LIFE[state] == ()
    with pytest.raises(RuntimeError, match="cannot follow"):
        a_coupon(state=state).moved("reserved", order_id="o")


def test_a_coupon_is_redeemed_only_with_its_own_order() -> None:
    with pytest.raises(RuntimeError, match="redeemed cannot follow"):
        a_coupon().moved("redeemed")
