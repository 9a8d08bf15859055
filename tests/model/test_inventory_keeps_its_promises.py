"""Inventory keeps its promises whatever comes in whatever order; each rule that is left out is caught.

`INVENTORY_STEPS=100000` looks longer.
"""

import os

import pytest

from tests.model.shelf_promises import CAUGHT, run
from tests.model.shelves import Without

STEPS = int(os.environ.get("INVENTORY_STEPS", "400"))


@pytest.mark.parametrize("seed", range(10))
def test_nothing_that_happens_breaks_a_promise(seed: int) -> None:
    assert run(seed, STEPS, every=max(1, STEPS // 400)) > 0


def run_all(without: Without) -> None:
    """Several worlds, one after the other."""
    for seed in range(20):
        run(seed, 400, without)


@pytest.mark.parametrize(
    "rule",
    [
        "availability", "fold", "demand", "destination", "one_winner", "capacity", "once", "never_back", "code", "single_use",
        "breaks", "all_parts", "one_part", "left_behind", "own_numbers",
    ],
)  # fmt: skip
def test_a_rule_that_is_left_out_is_missed(rule: str) -> None:
    with pytest.raises(CAUGHT):
        run_all(frozenset({rule}))
