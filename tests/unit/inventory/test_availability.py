"""What a member is promised: rules without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.values import Place
from lutong_inventory.availability.domain import Availability, Kind, Terms, availability, needs_slots
from lutong_inventory.slots.domain.slots import Ground, Slot
from lutong_inventory.sourcing.domain.values import Candidate, Considered, Decision, Wish
from lutong_inventory.stock.domain.shelves import Demand

HERE: Final = Place(latitude=31.23, longitude=121.47)
NOON: Final = datetime(2026, 3, 2, 4, tzinfo=UTC)  # 12:00 in Shanghai
TERMS: Final = Terms(timedelta(minutes=30), timedelta(days=2), 5)
STORE: Final = Candidate("near", "store", HERE)
FLAGSHIP: Final = Candidate("flagship", "flagship", HERE)


def decided(chosen: Candidate | None, mode: str = "delivery", distance_m: int = 1_200) -> Decision:
    wish = Wish("o-1", "shop", HERE, mode, (Demand("tea", 1),), 50_000)
    if chosen is None:
        return Decision(wish, None, None, (), "out_of_stock")
    considered = Considered(chosen.location_id, chosen.kind, distance_m, 0, "chosen")
    return Decision(wish, chosen, distance_m, (considered,))


def a_slot(hours_ahead: int = 3, slot_id: str = "s-1", booked: int = 0) -> Slot:
    """A slot of two hours, that many hours after noon, which takes orders until an hour before."""
    starts = 12 * 60 + hours_ahead * 60
    ground = Ground("far", "shop", "Asia/Shanghai", Place(latitude=31.3, longitude=121.47), 50_000)
    return Slot(slot_id, ground, None, NOON.date(), starts, starts + 120, starts - 60, 3, 0, booked)


def found(decision: Decision, *slots: Slot) -> Availability:
    return availability(decision, slots, TERMS, NOON)


def kind_of(decision: Decision, *slots: Slot) -> Kind | None:
    promise = found(decision, *slots).promise
    return promise.kind if promise else None


def test_a_store_near_by_promises_minutes_and_kilometres() -> None:
    promise = found(decided(STORE)).promise
    assert promise is not None
    assert (promise.kind, promise.location_id, promise.within) == ("delivery", "near", timedelta(minutes=35))
    assert promise.text.en == "delivered in about 35 min from near, 1.2 km away"
    assert promise.text.zh == "约 35 分钟从 near 送达，距离 1.2 公里"


@pytest.mark.parametrize("mode", ["delivery", "pickup"])
def test_people_read_the_name_of_a_store(mode: str) -> None:
    promise = found(decided(STORE._replace(name="南京西路店"), mode)).promise
    assert promise is not None
    assert (promise.location_id, "南京西路店" in promise.text.zh, "near" in promise.text.en) == ("near", True, False)


def test_a_pickup_is_promised_without_the_way() -> None:
    promise = found(decided(STORE, "pickup")).promise
    assert promise is not None
    assert (promise.kind, promise.within) == ("pickup", timedelta(minutes=30))
    assert promise.text.zh == "约 30 分钟后可到 near 自提，距离 1.2 公里"


def test_a_slot_of_today_comes_before_the_flagship() -> None:
    promise = found(decided(FLAGSHIP), a_slot()).promise
    assert promise is not None
    assert (promise.kind, promise.slot_id, promise.location_id) == ("slot", "s-1", "far")
    assert promise.text.en == "delivered today 15:00-17:00; order by 03-02 14:00"
    assert promise.text.zh == "今天 15:00-17:00 送达；请在 03-02 14:00 前下单"


def test_a_slot_after_what_the_flagship_sends_is_not_promised() -> None:
    late = replace(a_slot(), day=NOON.date() + timedelta(days=3))
    assert kind_of(decided(FLAGSHIP), late) == "flagship"
    assert kind_of(decided(None), late) == "slot"


def test_slots_are_of_deliveries_that_no_store_makes_now() -> None:
    assert [needs_slots(each) for each in (decided(STORE), decided(STORE, "pickup"), decided(None, "pickup"))] == [
        False
    ] * 3
    assert [needs_slots(each) for each in (decided(FLAGSHIP), decided(None))] == [True, True]
    assert kind_of(decided(STORE), a_slot()) == "delivery"


def test_a_slot_that_takes_no_order_is_not_promised() -> None:
    full, past, elsewhere = a_slot(booked=3), a_slot(hours_ahead=0), a_slot()
    elsewhere = replace(elsewhere, ground=replace(elsewhere.ground, reach_m=100))
    withdrawn, far_off = (
        replace(a_slot(), withdrawn_for="rain"),
        replace(a_slot(), day=datetime(2026, 3, 9, tzinfo=UTC).date()),
    )
    assert kind_of(decided(None), full, past, elsewhere, withdrawn, far_off) is None


def test_nobody_who_can_serve_is_a_reason_in_two_languages() -> None:
    nobody = found(decided(None))
    assert (nobody.promise, nobody.reason) == (None, "out_of_stock")
    assert nobody.why == ("no open location has the whole order", "营业中的门店都没有整单库存")


def test_other_days_are_named() -> None:
    days = [replace(a_slot(), day=NOON.date() + timedelta(days=n)) for n in (1, 2)]
    texts = [each.promise.text for each in (found(decided(None), day) for day in days) if each.promise]
    assert [text.en.split(" 15:00")[0] for text in texts] == ["delivered tomorrow", "delivered on 03-04"]
    assert [text.zh.split(" 15:00")[0] for text in texts] == ["明天", "03-04"]


@given(st.lists(st.tuples(st.integers(-3, 30), st.integers(0, 3)), max_size=8))
def test_of_the_slots_with_places_the_first_is_promised(times: list[tuple[int, int]]) -> None:
    slots = [a_slot(hours, f"s-{n}", booked=booked) for n, (hours, booked) in enumerate(times)]
    promise = found(decided(None), *slots).promise
    free = [each for each in slots if each.left > 0 and each.cut_off_at > NOON]
    assert (promise is None) == (not free)
    if promise is not None and promise.window is not None:
        assert promise.window.starts_at == min(each.window.starts_at for each in free)
