"""V29 by itself: what is right has no violation, and each planted one is found."""

import pytest

from lutong_console.verify.traffic import traffic_conserves
from tests.e2e.corrupting import Corrupt
from tests.e2e.corrupting_accounts import rewarded
from tests.e2e.corruptions import of
from tests.support.looks import Look


def found(corrupt: Corrupt) -> set[str]:
    look = Look()
    corrupt(look)
    world = look.world()
    try:
        return {each.identity for each in traffic_conserves(world)}
    finally:
        world.close()


@pytest.mark.parametrize(
    "right",
    [rewarded()],
)
def test_what_is_right_is_no_violation(right: Corrupt) -> None:
    assert found(right) == set()


@pytest.mark.parametrize(("name", "corrupt"), of("V29"))
def test_what_is_wrong_with_traffic_is_found(name: str, corrupt: Corrupt) -> None:
    assert found(corrupt) == {"V29"}, name
