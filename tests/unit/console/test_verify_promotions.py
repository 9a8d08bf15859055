"""V26 and V33 by themselves: what is right has no violation, and each planted one is found."""

import pytest

from lutong_console.verify.promotions import places_are_paid
from lutong_console.verify.reads import reads_are_rebuilt
from tests.e2e.corrupting import Corrupt
from tests.e2e.corrupting_accounts import promoted, read_by_month
from tests.e2e.corruptions import of
from tests.support.looks import Look


def found(corrupt: Corrupt) -> set[str]:
    look = Look()
    corrupt(look)
    world = look.world()
    try:
        return {each.identity for each in places_are_paid(world)}
    finally:
        world.close()


@pytest.mark.parametrize(
    "right",
    [
        promoted(),
        promoted({"state": "reserved", "used": 0}, is_closed=False),
        promoted({"is_recent": False}, drop="allowance", seen=0),
    ],
)
def test_what_is_right_is_no_violation(right: Corrupt) -> None:
    assert found(right) == set()


@pytest.mark.parametrize(("name", "corrupt"), of("V26"))
def test_what_is_wrong_with_promotions_is_found(name: str, corrupt: Corrupt) -> None:
    assert found(corrupt) == {"V26"}, name


@pytest.mark.parametrize(("name", "corrupt"), of("V33"))
def test_what_is_wrong_with_reads_is_found(name: str, corrupt: Corrupt) -> None:
    for planted, expected in ((read_by_month(), set()), (corrupt, {"V33"})):
        look = Look()
        planted(look)
        world = look.world()
        try:
            assert {each.identity for each in reads_are_rebuilt(world)} == expected, name
        finally:
            world.close()
