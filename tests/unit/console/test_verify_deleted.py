"""V24 by itself: what is right has no violation, and each planted one is found."""

import pytest

from lutong_console.verify.deleted import deleted_is_gone
from tests.e2e.corrupting import Corrupt
from tests.e2e.corrupting_subjects import deleted
from tests.e2e.corruptions import of
from tests.support.looks import Look


def found(look: Look) -> set[str]:
    world = look.world()
    try:
        return {each.identity for each in deleted_is_gone(world)}
    finally:
        world.close()


@pytest.mark.parametrize("right", [deleted(), deleted(stands=True, times=0)], ids=["deleted", "stands"])
def test_what_is_right_is_no_violation(right: Corrupt) -> None:
    look = Look()
    right(look)
    assert found(look) == set()


@pytest.mark.parametrize(("name", "corrupt"), of("V24"))
def test_what_is_left_of_a_deleted_post_is_found(name: str, corrupt: Corrupt) -> None:
    look = Look()
    corrupt(look)
    assert found(look) == {"V24"}, name


def test_an_aged_topic_excuses_an_event_that_is_gone_and_nothing_more() -> None:
    begins = {("lutong.feed.posts", 0): 7}
    look = Look(begins=begins)
    deleted(times=0)(look)
    assert found(look) == set()
    other = Look(begins=begins)
    deleted(is_readable=True)(other)
    assert found(other) == {"V24"}
