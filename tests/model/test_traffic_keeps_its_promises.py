"""Page views keep R7 whatever happens in whatever order; each rule that is left out is caught."""

import pytest

from tests.model.shelf_promises import BrokenPromiseError
from tests.model.shelves import Without
from tests.model.traffic import run


def test_no_page_view_is_made_or_lost() -> None:
    assert sum(run(seed, 200) for seed in range(30)) > 3000


def run_all(without: Without) -> None:
    """Several lives, one after the other."""
    for seed in range(30):
        run(seed, 200, without)


@pytest.mark.parametrize("rule", ["lots", "release", "expire", "debt"])
def test_a_rule_of_traffic_that_is_left_out_is_missed(rule: str) -> None:
    with pytest.raises(BrokenPromiseError):
        run_all(frozenset({rule}))
