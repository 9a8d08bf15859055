"""Quotes: what would be charged, and the proof of every unit."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_membership.agreements.domain.accruals import Accrual, RefundBeyondAccrualError, quote, reversal
from lutong_membership.agreements.domain.term import quoted, settle
from lutong_membership.plans.domain.terms import TERMS
from tests.unit.membership.a_membership import (
    OBLIGED,
    a_clock,
    ended,
    given_back,
    having_bought,
)


@pytest.mark.parametrize(
    ("terms", "times", "charge"),
    [
        ({"withholding": {"cap_minor": 150}}, 2, 150),
        ({"withholding": {"cap_minor": 5_000, "exempt_minor": 200}}, 2, 0),
        ({"withholding": {"cap_minor": 5_000, "exempt_minor": 199}}, 2, 200),
        ({"settlement": {"kind": "by_times", "tiers": [{"times": 0, "charge_minor": 500}, {"times": 2, "charge_minor": 50}]}}, 2, 50),
        ({"settlement": {"kind": "by_times", "tiers": [{"times": 0, "charge_minor": 500}]}}, 1, 100),
        ({"settlement": {"kind": "by_times", "tiers": [{"times": 0, "charge_minor": 500}]}}, 0, 0),
    ],
)  # fmt: skip
def test_cap_exemption_and_tiers_bound_the_charge(terms: dict[str, Any], times: int, charge: int) -> None:
    assert settle(ended(having_bought(times, **terms)), a_clock(40)).account.agreement.charge_minor == charge


def test_the_charge_is_never_above_what_was_enjoyed_net_of_refunds() -> None:
    account = having_bought(2)
    back = given_back(account, "o-0", 900, days=5).account
    assert quoted(account).charge_minor == 200
    assert quoted(back).charge_minor == 100


events = st.lists(st.tuples(st.integers(1, 5_000), st.integers(0, 700), st.integers(0, 5_000)), max_size=8)


@given(events, st.integers(1, 2_000), st.integers(0, 300), st.integers(1, 6))
def test_every_quote_proves_itself_and_keeps_its_bounds(
    orders: list[tuple[int, int, int]], cap: int, exempt: int, times: int
) -> None:
    accruals = []
    for number, (amount, benefit, back) in enumerate(orders):
        one = Accrual(f"order:{number}", "a", "order", a_clock().now, 1, amount, benefit)
        accruals += [one, *([reversal(f"refund:{number}", one, (), back, one.at)] if 0 < back <= amount else [])]
    terms = TERMS.validate_python(
        {
            **OBLIGED,
            "obligation": {"kind": "times", "times": times},
            "withholding": {"cap_minor": cap, "exempt_minor": exempt},
        }
    )
    found = quote(terms, accruals)
    assert sum(line.amount_minor for line in found.proof) == found.charge_minor
    assert 0 <= found.charge_minor <= min(cap, found.benefit_minor)
    assert found.charge_minor == 0 or (not found.fulfilled and found.charge_minor > exempt)


@given(st.integers(1, 10_000), st.integers(0, 3_000), st.lists(st.integers(1, 4_000), max_size=6))
def test_rounding_of_a_benefit_over_refunds_leaves_nothing_of_a_whole_refund(
    amount: int, benefit: int, parts: list[int]
) -> None:
    order = Accrual("order:o", "a", "order", a_clock().now, 1, amount, benefit)
    back: list[Accrual] = []
    for number, part in enumerate([*parts, amount]):
        left = amount + sum(each.amount_minor for each in back)
        if left:
            back.append(reversal(f"refund:{number}", order, back, min(part, left), order.at))
            left_benefit = benefit + sum(each.benefit_minor for each in back)
            left_amount = amount + sum(each.amount_minor for each in back)
            assert left_benefit * amount <= benefit * left_amount  # never more than its share
    assert [sum(getattr(a, n) for a in (order, *back)) for n in ("times", "amount_minor", "benefit_minor")] == [0, 0, 0]


def test_more_taken_back_than_there_was_is_a_bug_upstream() -> None:
    account = given_back(having_bought(1), "o-0", 500, days=2).account
    with pytest.raises(RefundBeyondAccrualError):
        given_back(account, "o-0", 401, days=3, refund_id="r-2")
