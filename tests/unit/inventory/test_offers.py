"""Whether a member has to agree to the flagship: rules without a database."""

from datetime import timedelta

import pytest

from lutong_inventory.orders.domain.offers import answer, eta, needs_consent
from lutong_inventory.orders.domain.steps import CANCELLABLE, State, next_step


@pytest.mark.parametrize(
    ("before", "after", "agreed", "asked"),
    [
        ("store", "flagship", False, True),
        ("store", "flagship", True, False),
        ("store", "store", False, False),
        ("flagship", "flagship", False, False),
        (None, "flagship", False, False),
    ],
)
def test_only_a_change_to_the_flagship_takes_consent(before: str | None, after: str, agreed: bool, asked: bool) -> None:
    assert needs_consent(before, after, flagship_ok=agreed) == asked


def test_the_flagship_takes_longer_than_a_store_near_by() -> None:
    times = (timedelta(minutes=30), timedelta(days=2))
    assert eta("store", 4_000, *times) == timedelta(minutes=30, seconds=1_000)
    assert eta("flagship", 4_000, *times) == timedelta(days=2)


@pytest.mark.parametrize("state", ["sourced", "cancelled", "fulfilled"])
def test_only_an_offer_takes_an_answer(state: State) -> None:
    assert answer("o-1", "offered") is None
    assert answer("o-1", state) is not None
    assert "offered" in CANCELLABLE
    assert next_step("offered", "delivery") is None
