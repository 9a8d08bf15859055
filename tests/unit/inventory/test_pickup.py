"""A code for picking an order up: rules without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from lutong_inventory.pickup.domain import ALPHABET, GUESSES_MAX, FreshCode, PickupCode, made, shown
from lutong_inventory.refusal import Refusal

NOW: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
LATER: Final = NOW + timedelta(days=3)


def a_code(seed: int = 1, known: PickupCode | None = None) -> FreshCode:
    fresh = made(known, "o-1", bytes(16) + seed.to_bytes(32), LATER)
    assert isinstance(fresh, FreshCode)
    return fresh


def refusal(code: PickupCode | None, given: str, now: datetime = NOW) -> str | None:
    found = shown(code, given, now).refusal
    return found.kind if found else None


def test_a_code_hands_goods_over_once() -> None:
    fresh = a_code(7**90)
    used = shown(fresh.kept, fresh.text, NOW).kept
    assert used is not None
    assert (len(fresh.text), set(fresh.text) <= set(ALPHABET), used.used_at) == (8, True, NOW)
    assert refusal(used, fresh.text) == "wrong_code"


def test_a_code_is_not_kept() -> None:
    fresh = a_code(7**90)
    assert fresh.text not in repr(fresh.kept)


@pytest.mark.parametrize(
    ("code", "now"), [(None, NOW), (a_code().kept, LATER), (replace(a_code().kept, used_at=NOW), NOW)]
)
def test_a_code_that_is_over_hands_nothing_over(code: PickupCode | None, now: datetime) -> None:
    assert refusal(code, a_code().text, now) == "wrong_code"


def test_ten_wrong_codes_lock_it_against_a_new_code() -> None:
    code: PickupCode | None = a_code().kept
    for n in range(GUESSES_MAX):
        assert refusal(code, "WRONGONE") == "wrong_code"
        code = shown(code, "WRONGONE", NOW).kept
        assert code is not None
        if n == 4:
            code = a_code(2, code).kept
    assert refusal(code, a_code(2).text) == "locked"
    assert isinstance(made(code, "o-1", bytes(48), LATER), Refusal)
