"""Who is offered a plan: decided before anything is shown, the same for good, and as membership counts it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.offers import Holdout, arm_of
from lutong_feed.offers.domain import Plan, Standing, amount_with, held_out, shown, stated
from lutong_membership.holds.domain.holds import price

PLAN = Plan("light", "shop", "轻会员", 5, Holdout(salt="lutong", percent=30))
NEW = Standing(None, joined=False)
MEMBERS = [f"m-{n}" for n in range(1_000)]


def test_the_feed_decides_as_membership_counts() -> None:
    for member_id in MEMBERS:
        arm = arm_of(member_id, "shop", "light", "lutong", 30)
        assert held_out(PLAN, member_id, NEW) == (arm == "holdout")
        assert shown(PLAN, member_id, NEW) == (None if arm == "holdout" else "offered")


def test_as_many_are_held_out_as_should_be() -> None:
    assert 240 < sum(held_out(PLAN, member_id, NEW) for member_id in MEMBERS) < 360


@pytest.mark.parametrize("before", [True, False])
def test_what_was_decided_holds_whatever_the_plan_becomes(before: bool) -> None:
    for percent in (1, 30, 100):
        plan = PLAN._replace(holdout=Holdout(salt="other", percent=percent))
        assert all(held_out(plan, member_id, Standing(before, joined=False)) == before for member_id in MEMBERS)
    ended = PLAN._replace(holdout=Holdout(salt="lutong", percent=0))
    assert not held_out(ended, "ann", Standing(before, joined=False))  # there is no experiment any more


def test_who_joined_is_offered_nothing_and_sees_their_price() -> None:
    assert shown(PLAN, "ann", Standing(False, joined=True)) == "joined"
    assert shown(PLAN, "ann", Standing(True, joined=True)) is None  # without the benefits, whose price would be wrong
    assert stated(PLAN, "joined").en == "Your price as a member of 轻会员"
    assert stated(PLAN, "offered").zh == "开通轻会员立减 5%，先享后付"
    assert stated(PLAN._replace(discount_percent=0), "offered").en == "With 轻会员: enjoy first, pay later"


@given(st.integers(1, 10**9), st.integers(0, 90))
def test_a_price_with_a_plan_is_what_membership_charges(amount_minor: int, percent: int) -> None:
    assert amount_with(amount_minor, percent) == price(amount_minor, percent, None).due_minor
