"""V31 and V32 by themselves: what is right has no violation, and each planted one is found."""

from typing import Any

import pytest

from lutong_console.verify.services import grants_are_known, services_end_once
from tests.e2e.corrupting import Corrupt
from tests.e2e.corrupting_services import granted, provided
from tests.e2e.corruptions import CORRUPTIONS
from tests.support.looks import Look

PLANTED = [each for each in CORRUPTIONS if each.identity in {"V31", "V32"}]
_RELEASED: dict[str, Any] = {
    "state": "released",
    "captured_minor": 0,
    "service_reference": None,
    "service_paid_minor": 0,
}


def found(look: Look) -> set[str]:
    world = look.world()
    try:
        return {each.identity for identity in (services_end_once, grants_are_known) for each in identity(world)}
    finally:
        world.close()


@pytest.mark.parametrize(
    "right",
    [
        provided(),
        provided(service_paid_minor=80, captured_minor=80),
        provided(service_paid_minor=80, captured_minor=80, service_refunded_minor=30, back_minor=30),
        provided(**_RELEASED | {"service_state": "waiting", "state": "held"}),
        *(provided(service_state=state, **_RELEASED) for state in ("failed", "lapsed", "cancelled")),
        granted(),
    ],
    ids=["done", "done for less", "given back", "waiting", "failed", "lapsed", "cancelled", "granted"],
)
def test_what_is_right_is_no_violation(right: Corrupt) -> None:
    look = Look()
    right(look)
    assert found(look) == set()


@pytest.mark.parametrize(("identity", "name", "corrupt"), PLANTED, ids=[each.what for each in PLANTED])
def test_what_is_planted_is_found(identity: str, name: str, corrupt: Corrupt) -> None:
    look = Look()
    corrupt(look)
    assert found(look) == {identity}, name
