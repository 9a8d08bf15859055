"""How an order moves: rules without a database."""

import pytest

from lutong_inventory.orders.domain.steps import next_step


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
