"""V27 by itself: what is right has no violation, and each planted one is found."""

import pytest

from lutong_console.verify.timelines import push_is_pull
from tests.e2e.corrupting import Corrupt
from tests.e2e.corrupting_subjects import timed
from tests.e2e.corruptions import of
from tests.support.looks import Look


def found(corrupt: Corrupt) -> set[str]:
    look = Look()
    corrupt(look)
    world = look.world()
    try:
        return {each.identity for each in push_is_pull(world)}
    finally:
        world.close()


@pytest.mark.parametrize(
    "right",
    [
        timed({}, {}), timed({"is_deleted": True}), timed({"fanned": False}), timed({"fanned": False}, {}),
        timed({"place": 40, "number": 4}), timed(reader={"floor": 9 * 10**18}), timed({"place": 40, "number": 5}, {"place": 40}),
    ],
    ids=["copied", "deleted", "on its way", "on its way, and there", "below the floor", "not made yet", "of one moment"],
)  # fmt: skip
def test_what_is_right_is_no_violation(right: Corrupt) -> None:
    assert found(right) == set()


@pytest.mark.parametrize(("name", "corrupt"), of("V27"))
def test_what_is_wrong_with_a_copy_is_found(name: str, corrupt: Corrupt) -> None:
    assert found(corrupt) == {"V27"}, name
