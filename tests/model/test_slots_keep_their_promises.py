"""Slots keep their promises whatever comes in whatever order; each rule that is left out is caught."""

import pytest

from tests.model.shelf_promises import BrokenPromiseError
from tests.model.shelves import Without
from tests.model.slots import run


def test_nothing_that_happens_gives_a_place_twice() -> None:
    assert sum(run(seed, 400) for seed in range(10)) > 0


def run_all(without: Without) -> None:
    """Several worlds, one after the other."""
    for seed in range(40):
        run(seed, 400, without)


@pytest.mark.parametrize("rule", ["capacity", "cut_off", "hoarding", "owner", "expiry", "one_winner", "once", "moves"])
def test_a_rule_of_slots_that_is_left_out_is_missed(rule: str) -> None:
    with pytest.raises(BrokenPromiseError):
        run_all(frozenset({rule}))
