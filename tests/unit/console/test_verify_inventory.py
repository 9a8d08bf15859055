"""V16 to V20 by themselves: what is right has no violation, and each planted one is found."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from lutong_console.verify.bands import bands_are_published
from lutong_console.verify.parts import parts_add_up
from lutong_console.verify.sales import sales_are_orders
from lutong_console.verify.slots import slots_have_their_places
from lutong_console.verify.transfers import transfers_conserve
from tests.e2e.corrupting import Corrupt
from tests.e2e.corrupting_subjects import banded, in_parts, sold, transferred
from tests.e2e.corruptions import of
from tests.e2e.corruptions_of_subjects import PLACE, SLOT
from tests.support.looks import Look

NOW: Final = datetime(2026, 1, 5, tzinfo=UTC)

RIGHT: Final[list[tuple[str | None, int, int]]] = [
    ("out_of_stock", 0, 0), ("out_of_stock", 1, 1), ("limited_availability", 1, 0), ("limited_availability", 7, 0),
    ("in_stock", 6, 0), ("in_stock", 99, 3), (None, 0, 0),
]  # fmt: skip
"""Bands with the fewest and the most units that can be promised in them; none where nothing is known."""


def found(look: Look) -> set[str]:
    world = look.world()
    try:
        identities = (
            slots_have_their_places, transfers_conserve, bands_are_published, parts_add_up, sales_are_orders
        )  # fmt: skip
        return {each.identity for identity in identities for each in identity(world)}
    finally:
        world.close()


def test_what_is_right_is_no_violation() -> None:
    look = Look()
    order = {"order_id": "o", "state": "accepted", "member_id": "m", "location_id": "l"}
    place = PLACE | {"expires_at": NOW + timedelta(minutes=1), "read_at": NOW}
    look.tables["inventory"]["customer_order"].append(order)
    look.tables["inventory"]["slot"].append(SLOT | {"booked": 1, "held": 1})
    look.tables["inventory"]["slot_hold"] += [place, place | {"hold_id": "h-2", "state": "held", "order_id": None}]
    look.tables["inventory"]["slot_hold"].append(place | {"hold_id": "h-3", "state": "released"})
    transferred()(look)
    sold(("sold", 100), ("refunded", -10), ("refunded", -20))(look)
    in_parts()(look)
    for code, (band, available, reserved) in enumerate(RIGHT):
        banded(band, available, code=str(code), reserved=reserved, on_hand=available + reserved)(look)
    assert found(look) == set()


@pytest.mark.parametrize(("name", "corrupt"), of("V16"))
def test_what_is_wrong_with_slots_is_found(name: str, corrupt: Corrupt) -> None:
    look = Look()
    corrupt(look)
    assert found(look) == {"V16"}, name


@pytest.mark.parametrize(("name", "corrupt"), of("V17"))
def test_what_is_wrong_with_transfers_is_found(name: str, corrupt: Corrupt) -> None:
    look = Look()
    corrupt(look)
    assert found(look) == {"V17"}, name


@pytest.mark.parametrize(("name", "corrupt"), of("V18"))
def test_what_is_wrong_with_bands_is_found(name: str, corrupt: Corrupt) -> None:
    look = Look()
    corrupt(look)
    assert found(look) == {"V18"}, name


@pytest.mark.parametrize(("name", "corrupt"), of("V19"))
def test_what_is_wrong_with_parts_is_found(name: str, corrupt: Corrupt) -> None:
    look = Look()
    corrupt(look)
    assert found(look) == {"V19"}, name


@pytest.mark.parametrize(("name", "corrupt"), of("V20"))
def test_what_is_wrong_with_sales_is_found(name: str, corrupt: Corrupt) -> None:
    look = Look()
    corrupt(look)
    assert found(look) == {"V20"}, name
