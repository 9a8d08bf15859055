"""A round that found a stream rests; a few, for which a person may wait, and a backlog never do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_chassis.pacing import STREAM, rest_s


@pytest.mark.parametrize("carried", [0, 1, STREAM - 1])
def test_after_few_there_is_no_rest(carried: int) -> None:
    assert rest_s(carried, 500, 0.01) == 0.0


def test_after_a_full_round_there_is_no_rest() -> None:
    assert rest_s(500, 500, 0.2) == 0.0


def test_after_a_stream_it_rests_for_longer_than_it_worked() -> None:
    assert rest_s(STREAM, 500, 0.01) == pytest.approx(0.03)


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.floats(0, 1e6))
def test_no_rest_is_longer_than_a_twentieth_of_a_second(carried: int, carried_max: int, worked_s: float) -> None:
    assert 0.0 <= rest_s(carried, carried_max, worked_s) <= 0.05
