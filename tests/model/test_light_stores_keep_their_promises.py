"""Light stores keep R8 whatever comes in whatever order; each rule that is left out is caught."""

import pytest

from tests.model.light_stores import run
from tests.model.shelf_promises import BrokenPromiseError
from tests.model.shelves import Without


def test_every_store_is_always_what_it_is_made_of() -> None:
    assert sum(run(seed, 200) for seed in range(6)) > 500


def run_all(without: Without) -> None:
    """Several worlds, one after the other."""
    for seed in range(20):
        run(seed, 300, without)


@pytest.mark.parametrize("rule", ["edits", "by_hand", "guard", "former"])
def test_a_rule_of_light_stores_that_is_left_out_is_missed(rule: str) -> None:
    with pytest.raises(BrokenPromiseError):
        run_all(frozenset({rule}))
