"""V30 by itself: what is right has no violation, and each planted one is found."""

import pytest

from lutong_console.verify.rankings import rankings_are_rebuilt
from tests.e2e.corrupting import Corrupt
from tests.e2e.corrupting_accounts import counted
from tests.e2e.corruptions import of
from tests.support.looks import Look


def found(corrupt: Corrupt) -> set[str]:
    look = Look()
    corrupt(look)
    world = look.world()
    try:
        return {each.identity for each in rankings_are_rebuilt(world)}
    finally:
        world.close()


@pytest.mark.parametrize(
    "right",
    [counted()],
)
def test_what_is_right_is_no_violation(right: Corrupt) -> None:
    assert found(right) == set()


@pytest.mark.parametrize(("name", "corrupt"), of("V30"))
def test_what_is_wrong_with_rankings_is_found(name: str, corrupt: Corrupt) -> None:
    assert found(corrupt) == {"V30"}, name
