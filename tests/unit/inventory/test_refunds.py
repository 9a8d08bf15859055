"""What is given back for goods that come back: rules without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.values import Line
from lutong_inventory.refunds.domain import (
    Delivered,
    KnownRefund,
    RefundOrder,
    refund_of_amount,
    refund_of_units,
    why_other,
    worth,
)
from lutong_inventory.refusal import Refusal


def delivered(paid_minor: int = 900, refunded_minor: int = 0, **returned: int) -> Delivered:
    """Two teas at 3.00 and one cup at 4.00, for which the member paid 9.00."""
    lines = [Line(sku="tea", units=2, unit_price_minor=300), Line(sku="cup", units=1, unit_price_minor=400)]
    return Delivered(lines, paid_minor, refunded_minor, returned)


@pytest.mark.parametrize(
    ("order", "units", "amount_minor"),
    [
        (delivered(), {"tea": 1}, 270),
        (delivered(), {"cup": 1}, 360),
        (delivered(), {"tea": 2, "cup": 1}, 900),
        (delivered(refunded_minor=270, tea=1), {"tea": 1, "cup": 1}, 630),
        (delivered(refunded_minor=800), {"tea": 2}, 100),  # a gesture before: not more than is left
        (delivered(refunded_minor=900), {"tea": 1}, 0),  # all was given back before: the goods still come
        (Delivered([Line(sku="gift", units=1, unit_price_minor=0)], 0, 0, {}), {"gift": 1}, 0),
        (Delivered([Line(sku="pin", units=3, unit_price_minor=1)], 1, 0, {}), {"pin": 1}, 0),
    ],
)
def test_goods_are_worth_their_share_of_what_was_paid(
    order: Delivered, units: dict[str, int], amount_minor: int
) -> None:
    assert refund_of_units(order, units) == amount_minor


@pytest.mark.parametrize(
    ("order", "units", "why"),
    [
        (delivered(), {"tea": 3}, "not_delivered"),
        (delivered(tea=1), {"tea": 2}, "not_delivered"),
        (delivered(), {"pen": 1}, "not_delivered"),
    ],
)
def test_what_was_not_delivered_or_is_back_already_is_refused(
    order: Delivered, units: dict[str, int], why: str
) -> None:
    refused = refund_of_units(order, units)
    assert isinstance(refused, Refusal)
    assert refused.kind == why


def test_an_amount_is_given_back_as_long_as_it_was_paid() -> None:
    assert refund_of_amount(delivered(refunded_minor=100), 800) == 800
    assert isinstance(refund_of_amount(delivered(refunded_minor=100), 801), Refusal)


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 999)), min_size=1, max_size=4), st.integers(1, 5_000))
def test_goods_returned_one_by_one_return_exactly_what_was_paid(lines: list[tuple[int, int]], paid_minor: int) -> None:
    order_lines = [Line(sku=f"s{n}", units=units, unit_price_minor=price) for n, (units, price) in enumerate(lines)]
    returned: dict[str, int] = {}
    refunded_minor = 0
    for line in order_lines:
        for _ in range(line.units):
            amount_minor = refund_of_units(Delivered(order_lines, paid_minor, refunded_minor, returned), {line.sku: 1})
            refunded_minor += amount_minor if isinstance(amount_minor, int) else 0
            returned[line.sku] = returned.get(line.sku, 0) + 1
            assert refunded_minor <= paid_minor
    assert refunded_minor == (paid_minor if any(line.unit_price_minor for line in order_lines) else 0)


def test_a_refund_comes_to_its_goods_or_to_its_amount() -> None:
    goods = RefundOrder("o-1", "r-1", None, (("tea", 1),), restock=True)
    assert worth(delivered(), goods.wanted) == 270
    assert worth(delivered(), RefundOrder("o-1", "r-2", 100, (), restock=False).wanted) == 100


def test_the_same_refund_again_is_no_other_one() -> None:
    wanted = RefundOrder("o-1", "r-1", 100, (), restock=False).wanted
    assert why_other("r-1", KnownRefund("o-1", 100, {}, restock=False), wanted) is None
    refusal = why_other("r-1", KnownRefund("o-2", 90, {}, restock=False), wanted)
    assert refusal is not None
    assert refusal.facts == {"differs": ["order_id", "amount_minor"]}
