"""V28 by itself: what is right has no violation, and each planted one is found."""

import pytest

from lutong_console.verify.pushes import pushes_keep_their_quota
from tests.e2e.corrupting import Corrupt
from tests.e2e.corrupting_accounts import pushed
from tests.e2e.corruptions import of
from tests.support.looks import Look


def found(corrupt: Corrupt) -> set[str]:
    look = Look()
    corrupt(look)
    world = look.world()
    try:
        return {each.identity for each in pushes_keep_their_quota(world)}
    finally:
        world.close()


@pytest.mark.parametrize(
    "right",
    [
        pushed(0, 6.9),
        pushed(0, 1, 2, used=2, state="cancelled", delivered=0),
        pushed(0, 1, 2, used=2, state="draft", delivered=0, counts_at=None),
        pushed(0, 1, 7, 8, kind="rolling_7d"),
    ],
)
def test_what_is_right_is_no_violation(right: Corrupt) -> None:
    assert found(right) == set()


@pytest.mark.parametrize(("name", "corrupt"), of("V28"))
def test_what_is_wrong_with_pushes_is_found(name: str, corrupt: Corrupt) -> None:
    assert found(corrupt) == {"V28"}, name
