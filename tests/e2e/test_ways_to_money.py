"""The ways to money out of nothing, tried against the running suite: none succeeds, and all is accounted for."""

from collections.abc import Iterator

import pytest

from lutong_local.stack import Stack, down, up
from tests.attacks import ways
from tests.attacks.__main__ import attack, is_clean

BOUNDLESS = "CNY=1000000000000"
UNBOUND = (
    ways.one_operator_waives_in_slices_at_once,
    ways.many_operators_waive_a_slice_each,
    ways.one_operator_pays_out_in_slices_at_once,
    ways.one_operator_raises_a_line_to_nine_billion,
    ways.one_operator_raises_a_line_in_slices,
)
"""Ways that only sums are in."""


async def test_no_way_to_money_succeeds_and_verify_is_clean(stack: Stack) -> None:
    assert len(ways.WAYS) >= 10
    gained = await attack(stack)
    assert {way: amount for way, amount in gained.items() if amount} == {}
    assert await is_clean(stack)


@pytest.fixture
def careless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A suite in which one operator may decide about any sum."""
    names = ("FOUR_EYES_ABOVE", "FOUR_EYES_OPERATOR_ABOVE", "LINE_RAISE_ABOVE", "LINE_RAISE_OPERATOR_ABOVE", "LINE_MAX")
    settings = {f"LUTONG_{name}": BOUNDLESS for name in names}
    running = up(
        tmp_path_factory.mktemp("careless"), lambda _: None, dies_with_parent=True, environment_of=lambda *_: settings
    )
    try:
        yield running
    finally:
        down(running, lambda _: None, purge=True)


async def test_negative_control_without_sums_the_slices_succeed(careless: Stack) -> None:
    gained = await attack(careless, UNBOUND)
    assert [way for way, amount in gained.items() if not amount] == []
