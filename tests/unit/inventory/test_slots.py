"""Slots of delivery: rules without a database."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest

from lutong_contracts.values import Place
from lutong_inventory.refusal import Refusal
from lutong_inventory.slots.domain import slots as domain
from lutong_inventory.slots.domain.sentences import offered
from lutong_inventory.slots.domain.slots import Booking, Ground, Slot, SlotHold, area, covers

SHANGHAI: Final = Place(latitude=31.23, longitude=121.47)
NEAR: Final = Place(latitude=31.24, longitude=121.48)
DAY: Final = date(2026, 12, 1)
GROUND: Final = Ground("near", "shop", "Asia/Shanghai", NEAR, 5_000)
SLOT: Final = Slot("s-1", GROUND, None, DAY, 15 * 60, 17 * 60, 13 * 60, 10)
NOON: Final = datetime(2026, 12, 1, 4, tzinfo=UTC)
"""Noon in Shanghai."""
HOLD: Final = SlotHold("h-1", "s-1", "m-1", "held", NOON + timedelta(minutes=10))
ORDER: Final = Booking("o-1", "m-1", "shop", "delivery", SHANGHAI)
ABROAD: Final = replace(GROUND, zone="America/New_York")
SQUARE: Final = tuple(Place(latitude=y, longitude=x) for y, x in ((0, 0), (0, 2), (2, 2), (2, 0)))


def kind(refusal: object) -> str | None:
    return refusal.kind if isinstance(refusal, Refusal) else None


def test_a_slot_is_on_the_clock_of_its_location() -> None:
    window = SLOT.window
    assert (window.starts_at, window.ends_at) == (
        datetime(2026, 12, 1, 7, tzinfo=UTC),
        datetime(2026, 12, 1, 9, tzinfo=UTC),
    )
    assert SLOT.cut_off_at == datetime(2026, 12, 1, 5, tzinfo=UTC)
    assert replace(SLOT, cut_off=-360).cut_off_at == datetime(2026, 11, 30, 10, tzinfo=UTC)


@pytest.mark.parametrize(("day", "hour_utc"), [(date(2026, 3, 7), 20), (date(2026, 3, 9), 19)])
def test_daylight_saving_moves_a_slot_abroad_and_not_its_clock(day: date, hour_utc: int) -> None:
    assert replace(SLOT, ground=ABROAD, day=day).window.starts_at == datetime(
        day.year, day.month, day.day, hour_utc, tzinfo=UTC
    )


def test_a_slot_in_the_hour_that_spring_leaves_out_is_refused() -> None:
    gone = replace(SLOT, ground=ABROAD, day=date(2027, 3, 14), starts=150, ends=200, cut_off=0)
    assert kind(domain.put(None, gone, NOON)) == "no_such_time"
    twice = replace(gone, day=date(2026, 11, 1), starts=60, ends=120)
    assert twice.window.starts_at == datetime(2026, 11, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("slot", "place", "now", "reason"),
    [
        (SLOT, SHANGHAI, NOON, None),
        (SLOT, SHANGHAI, SLOT.cut_off_at - timedelta(microseconds=1), None),
        (SLOT, SHANGHAI, SLOT.cut_off_at, "slot_cut_off"),
        (SLOT, SHANGHAI, SLOT.window.starts_at, "slot_past"),
        (SLOT, Place(latitude=31.5, longitude=121.47), NOON, "out_of_area"),
        (replace(SLOT, withdrawn_for="closes_early"), SHANGHAI, NOON, "slot_withdrawn"),
        (replace(SLOT, ground=replace(GROUND, corners=SQUARE)), SHANGHAI, NOON, "out_of_area"),
        (replace(SLOT, ground=replace(GROUND, reach_m=None)), Place(latitude=0, longitude=0), NOON, None),
    ],
)
def test_a_slot_takes_orders_until_it_does_not(slot: Slot, place: Place, now: datetime, reason: str | None) -> None:
    assert kind(domain.why_not(slot, place, now)) == reason
    found, why = offered(slot, place, now)
    assert found == reason
    assert why.en
    assert why.zh


@pytest.mark.parametrize(
    ("slot", "held", "reason"),
    [(SLOT, 0, None), (replace(SLOT, held=4, booked=6), 0, "slot_full"), (SLOT, 3, "too_many_holds"),
     (replace(SLOT, withdrawn_for="closed"), 0, "slot_withdrawn")],
)  # fmt: skip
def test_a_place_is_held_while_there_is_one(slot: Slot, held: int, reason: str | None) -> None:
    assert kind(domain.hold(slot, SHANGHAI, held, 3, NOON)) == reason


def test_a_place_is_not_held_past_the_cut_off() -> None:
    assert domain.expires_at(SLOT, NOON, timedelta(minutes=10)) == NOON + timedelta(minutes=10)
    assert domain.expires_at(SLOT, NOON, timedelta(hours=2)) == SLOT.cut_off_at


@pytest.mark.parametrize(
    ("hold", "order", "now", "reason"),
    [
        (HOLD, ORDER, NOON, None),
        (None, ORDER, NOON, "slot_unknown"),
        (HOLD, ORDER._replace(member_id="m-2"), NOON, "slot_unknown"),
        (HOLD, ORDER._replace(merchant_id="other"), NOON, "slot_unknown"),
        (HOLD, ORDER._replace(mode="pickup"), NOON, "slot_unknown"),
        (HOLD._replace(state="booked"), ORDER, NOON, "slot_taken"),
        (HOLD._replace(state="released"), ORDER, NOON, "slot_taken"),
        (HOLD, ORDER, HOLD.expires_at, "slot_expired"),
        (HOLD._replace(expires_at=SLOT.window.ends_at), ORDER, SLOT.cut_off_at, "slot_cut_off"),
        (HOLD, ORDER._replace(destination=Place(latitude=39.9, longitude=116.4)), NOON, "out_of_area"),
    ],
)
def test_an_order_gets_the_place_that_is_its_members(
    hold: SlotHold | None, order: Booking, now: datetime, reason: str | None
) -> None:
    assert kind(domain.assign(hold, SLOT if hold else None, order, now)) == reason


def test_a_slot_keeps_what_is_taken_when_it_is_put_again() -> None:
    known = replace(SLOT, held=2, booked=3)
    wanted = replace(SLOT, slot_id="other", capacity=5, cut_off=14 * 60)
    assert domain.put(known, wanted, NOON) == replace(wanted, slot_id="s-1", held=2, booked=3)
    assert kind(domain.put(known, replace(wanted, capacity=4), NOON)) == "places_taken"
    assert kind(domain.put(known, replace(wanted, ends=18 * 60), NOON)) == "places_taken"
    assert kind(domain.put(None, SLOT, SLOT.window.starts_at)) == "slot_past"
    assert kind(domain.too_early(SLOT, NOON - timedelta(days=9), 5)) == "slot_too_early"
    assert domain.too_early(SLOT, NOON, 5) is None


def test_a_location_that_closes_early_withdraws_what_it_cannot_end() -> None:
    four = datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert domain.is_within(SLOT, four, None)
    assert not domain.is_within(SLOT, SLOT.window.ends_at, None)
    assert not domain.is_within(SLOT, NOON, SLOT.window.starts_at)


def test_an_area_covers_what_its_border_goes_around() -> None:
    horseshoe = tuple(
        Place(latitude=y, longitude=x) for y, x in ((0, 0), (0, 9), (9, 9), (9, 6), (3, 6), (3, 3), (9, 3), (9, 0))
    )
    assert [covers(horseshoe, Place(latitude=y, longitude=x)) for y, x in ((1, 5), (6, 4.5), (6, 1), (6, 8), (10, 1))] == [
        True, False, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "corners",
    [[(0, 0), (1, 1), (0, 0)], [(0, 0), (1, 1), (2, 2)], [(0, -170), (1, 170), (2, 0)]],
)
def test_an_area_that_is_none_is_refused(corners: list[tuple[float, float]]) -> None:
    assert kind(area([Place(latitude=y, longitude=x) for y, x in corners])) == "bad_area"
