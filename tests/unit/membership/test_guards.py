"""Rules refuse what cannot be, for every caller."""

from datetime import UTC, datetime

import pytest

from lutong_membership.agreements.domain.account import Debt
from lutong_membership.agreements.domain.rights import take_back
from tests.unit.membership.a_membership import a_clock, a_unit_of_work, an_agreement


def a_debt(outstanding_minor: int) -> Debt:
    return Debt("d-1", "a-1", "m-1", "CNY", "order", 100, outstanding_minor, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("amount_minor", [-1, 41])
def test_a_debt_is_never_reduced_by_more_than_there_is(amount_minor: int) -> None:
    assert a_debt(40).less(40).outstanding_minor == 0
    with pytest.raises(RuntimeError, match="d-1"):
        a_debt(40).less(amount_minor)


def test_a_use_that_never_was_cannot_be_taken_back() -> None:
    refused = take_back(an_agreement(), "lounge", "use-1", "member", a_clock())
    assert getattr(refused, "kind", None) == "no_use"


def test_nothing_is_decided_about_an_agreement_that_is_not_there() -> None:
    work = a_unit_of_work(an_agreement())
    before = work.changes()
    assert work.account("no-such-agreement") is None
    assert work.changes() == before
