"""Pushes keep R6 whatever policy there is and whatever is asked in whatever order; each rule that is left out is caught."""

import pytest

from tests.model.pushes import run
from tests.model.shelf_promises import BrokenPromiseError
from tests.model.shelves import Without


def test_no_window_has_more_pushes_than_its_quota() -> None:
    assert sum(run(seed, 150) for seed in range(20)) > 300


def run_all(without: Without) -> None:
    """Several lives, one after the other."""
    for seed in range(30):
        run(seed, 150, without)


@pytest.mark.parametrize("rule", ["ahead", "policy", "recall", "one_by_one"])
def test_a_rule_of_pushes_that_is_left_out_is_missed(rule: str) -> None:
    with pytest.raises(BrokenPromiseError):
        run_all(frozenset({rule}))
