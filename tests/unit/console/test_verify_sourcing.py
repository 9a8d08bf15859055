"""V15 of parts that were split off when their order left a location: they go on with the number of that decision."""

from typing import Any, Final

from lutong_console.verify.sourcing import _sent

DECISIONS: Final[list[dict[str, Any]]] = [{"hop": 2, "location_id": "near"}, {"hop": 3, "location_id": "far"}]


def an_order(part_of: str | None) -> dict[str, Any]:
    return {"order_id": "o-1.2", "part_of": part_of, "state": "sourced", "location_id": "far"}


def test_a_part_goes_on_with_the_decision_that_split_it_off() -> None:
    assert list(_sent(an_order("o-1"), DECISIONS)) == []


def test_a_whole_order_begins_with_its_first_decision() -> None:
    assert list(_sent(an_order(None), DECISIONS)) == ["decisions [2, 3]"]


def test_no_decision_of_a_part_is_missing() -> None:
    assert list(_sent(an_order("o-1"), [DECISIONS[0], DECISIONS[1] | {"hop": 4}])) == ["decisions [2, 4]"]
