"""V23 by itself: what is right has no violation, and each planted one is found."""

import pytest

from lutong_console.verify.light_stores import light_stores_are_rendered
from tests.e2e.corrupting import Corrupt
from tests.e2e.corrupting_light_stores import rendered
from tests.e2e.corruptions import of
from tests.support.looks import Look


def found(look: Look) -> set[str]:
    world = look.world()
    try:
        return {each.identity for each in light_stores_are_rendered(world)}
    finally:
        world.close()


@pytest.mark.parametrize("right", [rendered(), rendered({"attached": False}, title="by hand")])
def test_what_is_right_is_no_violation(right: Corrupt) -> None:
    look = Look()
    right(look)
    assert found(look) == set()


@pytest.mark.parametrize(("name", "corrupt"), of("V23"))
def test_what_is_wrong_with_light_stores_is_found(name: str, corrupt: Corrupt) -> None:
    look = Look()
    corrupt(look)
    assert found(look) == {"V23"}, name
