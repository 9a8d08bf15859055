"""How an order moves: rules without a database."""

import pytest

from lutong_inventory.orders.domain.steps import LEAVES_WITH, MODES, next_step


@pytest.mark.parametrize(
    ("mode", "steps"),
    [
        ("delivery", ["accepted", "picked", "handed_over", "fulfilled"]),
        ("pickup", ["accepted", "picked", "ready_for_pickup", "fulfilled"]),
    ],
)
def test_steps_follow_one_another(mode: str, steps: list[str]) -> None:
    state, taken = "sourced", []
    while step := next_step(state, mode):  # type: ignore[arg-type]  # literals by value
        taken.append(step)
        state = step
    assert taken == steps


def test_a_mode_that_only_newer_versions_know_has_no_steps() -> None:
    assert "dine_in" not in MODES
    assert next_step("rejected", "dine_in") is None


def test_goods_leave_by_a_step_that_their_mode_has() -> None:
    assert set(LEAVES_WITH) == MODES
