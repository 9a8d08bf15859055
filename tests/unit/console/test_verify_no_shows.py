"""V25 by itself: what is right has no violation, and each planted one is found."""

import pytest

from lutong_console.verify.no_shows import no_shows_cost_what_was_signed
from tests.e2e.corrupting import Corrupt
from tests.e2e.corrupting_subjects import missed
from tests.e2e.corruptions import of
from tests.support.looks import Look


def found(look: Look) -> set[str]:
    world = look.world()
    try:
        return {each.identity for each in no_shows_cost_what_was_signed(world)}
    finally:
        world.close()


@pytest.mark.parametrize(
    "right",
    [missed(), missed(None, signed_minor=0, captured_minor=0), missed(100, signed_minor=200, captured_minor=100)],
    ids=["kept", "released", "no more than the order"],
)
def test_what_is_right_is_no_violation(right: Corrupt) -> None:
    look = Look()
    right(look)
    assert found(look) == set()


def test_a_hold_that_expired_keeps_nothing() -> None:
    look = Look()
    missed(None, captured_minor=0)(look)
    assert found(look) == {"V25"}
    look.add("membership", "entry", [{"entry_id": 1, "kind": "expiry", "order_id": "n"}])
    assert found(look) == set()


@pytest.mark.parametrize(("name", "corrupt"), of("V25"))
def test_another_fee_than_was_signed_is_found(name: str, corrupt: Corrupt) -> None:
    look = Look()
    corrupt(look)
    assert found(look) == {"V25"}, name
