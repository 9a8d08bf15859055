"""How an order moves: rules without a database."""

from typing import NamedTuple

import pytest

from lutong_inventory.orders.domain.steps import (
    LEAVES_WITH,
    MODES,
    State,
    Step,
    next_step,
    why_no_step,
    why_not_there,
    why_too_late,
)


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


class Order(NamedTuple):
    """An order, as far as rules look at it."""

    state: State = "sourced"
    mode: str = "delivery"
    order_id: str = "o-1"
    location_id: str | None = "near"


@pytest.mark.parametrize(
    ("orders", "step", "needs_code", "kind"),
    [
        ([Order()], "accepted", True, None),
        ([Order(), Order("accepted")], "accepted", True, "wrong_step"),
        ([Order("fulfilled")], "accepted", True, "wrong_step"),
        ([Order("ready_for_pickup", "pickup")], "fulfilled", True, "needs_code"),
        ([Order("ready_for_pickup", "pickup")], "fulfilled", False, None),
    ],
)
def test_a_step_is_taken_with_all_orders_or_none(
    orders: list[Order],
    step: Step,
    needs_code: bool,
    kind: str | None,  # a parameter
) -> None:
    refusal = why_no_step(orders, step, needs_code=needs_code)
    assert (refusal.kind if refusal else None) == kind


def test_an_order_is_decided_on_only_where_it_is_now() -> None:
    assert why_not_there(Order(), "near") is None
    assert why_not_there(Order(), "far") is not None
    assert why_too_late(Order("picked"), "cancelled") is None
    refusal = why_too_late(Order("handed_over"), "declined")
    assert refusal is not None
    assert refusal.detail.endswith("it can no longer be declined")
