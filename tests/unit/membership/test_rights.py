"""Rights of an agreement: used as often as the plan gives them, and taken back."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lutong_membership.agreements.domain.account import Account
from lutong_membership.agreements.domain.rights import Used, take_back, use_right
from lutong_membership.agreements.domain.term import admit, quoted
from lutong_membership.values import Refusal
from tests.unit.membership.a_membership import (
    NOON,
    a_clock,
    an_agreement,
)


def counted(account: Account, used: Used | Refusal | None) -> Account:
    """The account after a use, or its reversal, that was not refused."""
    assert isinstance(used, Used)
    outcome = admit(account, used.accrual, a_clock(1), used.event)
    assert [each.event for each in outcome.emitted] == [used.event]
    return outcome.account


def test_rights_are_used_up_to_the_plan_and_count_as_enjoyed() -> None:
    right = {"right_id": "delivery", "title": "free delivery", "times": 2, "value_minor": 300}
    account = an_agreement(benefits={"rights": [right]})
    for use in ("u-1", "u-2"):
        account = counted(account, use_right(account, "delivery", use, "merchant", a_clock(1)))
    third, unknown = (use_right(account, *what, "merchant", a_clock(1)) for what in (("delivery", "u-3"), ("spa", "u")))
    assert [each.kind for each in (third, unknown) if isinstance(each, Refusal)] == ["used_up", "no_right"]
    assert use_right(account, "delivery", "u-2", "merchant", a_clock(1)) is None  # the same again
    assert quoted(account).charge_minor == 600

    back = counted(account, take_back(account, "delivery", "u-1", "merchant", a_clock(2)))
    assert quoted(back).charge_minor == 300
    assert isinstance(take_back(back, "delivery", "u-1", "merchant", a_clock(2)), Refusal)
    assert isinstance(use_right(back, "delivery", "u-3", "merchant", a_clock(2)), Used)


RIGHT = {"right_id": "delivery", "title": "free delivery", "times": 1, "value_minor": 300}


@pytest.mark.parametrize(
    ("changes", "days", "detail"),
    [
        ({"begins_at": NOON + timedelta(days=2)}, 1, "benefits begin on 2026-03-12 12:00 (Asia/Shanghai)"),
        ({"ends_at": NOON + timedelta(days=1)}, 1, "benefits ended on 2026-03-11 12:00 (Asia/Shanghai)"),
        ({"step": "suspended"}, 1, "benefits rest while a debt is overdue"),
        ({"holdout": True}, 1, "the agreement is active and gives no benefits now"),
        ({"state": "settled"}, 1, "the agreement is settled and gives no benefits"),
    ],
)
def test_a_refused_right_names_when_benefits_begin(changes: dict[str, Any], days: int, detail: str) -> None:
    account = an_agreement(benefits={"rights": [RIGHT]})
    account = replace(account, agreement=replace(account.agreement, **changes))
    assert use_right(account, "delivery", "u-1", "merchant", a_clock(days)) == Refusal("no_benefits", detail)
