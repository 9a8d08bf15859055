"""V21 by itself: what is right has no violation, and each planted one is found."""

import pytest

from lutong_console.verify.credits import credits_follow
from tests.e2e.corrupting import Corrupt
from tests.e2e.corrupting_subjects import credited
from tests.e2e.corruptions import of
from tests.support.looks import Look


def found(look: Look) -> set[str]:
    world = look.world()
    try:
        return {each.identity for each in credits_follow(world)}
    finally:
        world.close()


@pytest.mark.parametrize(
    "right", [credited(), credited(click_h=169, placement="direct", post_id="q"), credited(uncredited=True)]
)
def test_what_is_right_is_no_violation(right: Corrupt) -> None:
    look = Look()
    right(look)
    assert found(look) == set()


@pytest.mark.parametrize(("name", "corrupt"), of("V21"))
def test_what_is_wrong_with_credits_is_found(name: str, corrupt: Corrupt) -> None:
    look = Look()
    corrupt(look)
    assert found(look) == {"V21"}, name


def test_an_aged_topic_excuses_what_is_gone_and_nothing_more() -> None:
    look = Look(begins={("lutong.feed.interactions", 0): 7})
    credited(counted=2)(look)
    assert found(look) == set()
    fewer = Look(begins=look.begins)
    credited(counted=0)(fewer)
    assert found(fewer) == {"V21"}
