"""Codes of rights: confirmed once, within five minutes, with five guesses."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lutong_membership.agreements.domain.codes import (
    ALPHABET,
    CODE_LENGTH,
    CODE_LIFE,
    GUESSES_MAX,
    IssueCode,
    digest,
    made,
    shown,
    why_no_code,
)
from tests.unit.membership.a_membership import NOON, a_plan

RANDOMNESS = bytes(range(48))
WANTED = IssueCode("a-1", "delivery", RANDOMNESS)
TEXT, KEPT = made(*WANTED, NOON)


def test_a_code_is_ten_letters_that_nobody_mistakes() -> None:
    assert len(TEXT) == CODE_LENGTH
    assert set(TEXT) <= set(ALPHABET)
    assert not set("ILOU01") & set(ALPHABET)


def test_only_a_salted_hash_of_a_code_is_kept() -> None:
    assert KEPT.salt == RANDOMNESS[:16]
    assert KEPT.digest == digest(KEPT.salt, TEXT)
    assert KEPT.digest != digest(bytes(16), TEXT)
    assert TEXT not in repr(KEPT)


def test_other_random_bytes_make_another_code() -> None:
    assert made("a-1", "delivery", bytes(reversed(RANDOMNESS)), NOON).text != TEXT


def test_the_right_code_confirms_once() -> None:
    used, refusal = shown(KEPT, TEXT, NOON)
    assert refusal is None
    assert used == replace(KEPT, used_at=NOON)
    again = shown(used, TEXT, NOON)
    assert again.kept is None
    assert again.refusal is not None


def test_a_wrong_code_costs_a_guess_and_five_close_it() -> None:
    kept = KEPT
    for left in reversed(range(GUESSES_MAX)):
        guessed, refusal = shown(kept, "WRONG", NOON)
        assert guessed is not None
        assert refusal is not None
        assert (guessed.tries_left, guessed.used_at, refusal.kind) == (left, None, "not_confirmed")
        kept = guessed
    assert shown(kept, TEXT, NOON).refusal is not None


@pytest.mark.parametrize(
    ("given", "changes"),
    [(None, {}), (TEXT, {"expires_at": NOON}), (TEXT, {"used_at": NOON}), (TEXT, {"tries_left": 0})],
)
def test_a_code_that_is_over_confirms_nothing_and_changes_nothing(given: str | None, changes: dict[str, Any]) -> None:
    kept, refusal = shown(replace(KEPT, **changes), given, NOON)
    assert kept is None
    assert refusal is not None
    assert refusal.kind == "not_confirmed"


def test_without_a_code_nothing_is_confirmed() -> None:
    assert shown(None, TEXT, NOON).refusal is not None


def test_a_code_lives_five_minutes_and_no_longer() -> None:
    assert KEPT.expires_at == NOON + timedelta(minutes=5) == NOON + CODE_LIFE
    assert shown(KEPT, TEXT, KEPT.expires_at - timedelta(microseconds=1)).refusal is None
    assert shown(KEPT, TEXT, KEPT.expires_at).refusal is not None


def test_there_are_codes_only_for_rights_of_the_plan() -> None:
    plan = a_plan(benefits={"rights": [{"right_id": "delivery", "title": "free", "times": 1, "value_minor": 300}]})
    assert why_no_code(plan, WANTED.right_id) is None
    refusal = why_no_code(plan, "spa")
    assert refusal is not None
    assert refusal.kind == "no_right"
