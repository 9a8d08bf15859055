"""V22 by itself: what is right has no violation, and each planted one is found."""

import pytest

from lutong_console.verify.releases import releases_follow
from tests.e2e.corrupting import Corrupt
from tests.e2e.corrupting_subjects import graying
from tests.e2e.corruptions import of
from tests.support.looks import Look

STOPPED = ("gray-stopped", {"version": 2})
OFFLINE = ("forced-offline", {"version": 1, "reason": "r"})
RIGHT = {
    "in gray": graying(),
    "wider": graying(("grayed", {"version": 2, "audience": {"percent": 30}}), audience={"percent": 30},
                     gray='{"version": 2, "audience": {"percent": 30}}'),
    "released": graying(("released", {"version": 2}), states="superseded released"),
    "stopped": graying(STOPPED, states="released rolled_back"),
    "offline": graying(STOPPED, OFFLINE, states="forced_offline rolled_back", offline_for="r"),
    "offline in gray": graying(("forced-offline", {"version": 2, "reason": "r"}), states="released forced_offline"),
    "rolled back": graying(("released", {"version": 2}), ("rolled-back", {"version": 1, "withdrawn_version": 2}),
                           states="released rolled_back"),
    "rolled back over one": graying(
        ("released", {"version": 2}), ("submitted", {"version": 3}), ("admitted", {"version": 3}),
        ("released", {"version": 3}), ("approved", {"version": 3}),
        ("rolled-back", {"version": 1, "withdrawn_version": 3}), states="released rolled_back rolled_back",
    ),
    "withdrawn": graying(STOPPED, ("submitted", {"version": 3}), ("withdrawn", {"version": 3}),
                         states="released rolled_back withdrawn"),
    "of an aged topic": graying(STOPPED, states="released rolled_back", first=6),
    "approved before what is left": graying(STOPPED, states="released rolled_back", first=5),
}  # fmt: skip


def found(corrupt: Corrupt) -> set[str]:
    look = Look()
    corrupt(look)
    world = look.world()
    try:
        return {each.identity for each in releases_follow(world)}
    finally:
        world.close()


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_no_violation(name: str) -> None:
    assert found(RIGHT[name]) == set()


@pytest.mark.parametrize(("name", "corrupt"), of("V22"))
def test_what_is_wrong_with_releases_is_found(name: str, corrupt: Corrupt) -> None:
    assert found(corrupt) == {"V22"}, name


def test_what_is_left_of_an_aged_topic_is_compared() -> None:
    assert found(graying(STOPPED, states="released gray", first=6)) == {"V22"}
