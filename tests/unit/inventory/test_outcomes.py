"""What is published of an order that was decided on, and what members and locations answer: rules without a database."""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import pytest

from lutong_contracts.inventory import (
    OrderCancelled,
    OrderFulfilled,
    OrderRejected,
    OrderSourced,
    PartCancelled,
    PartFulfilled,
)
from lutong_contracts.values import Line, LocationKind, Place, Window
from lutong_inventory.orders.domain.commands import AnswerOffer
from lutong_inventory.orders.domain.offers import answer
from lutong_inventory.orders.domain.outcome import cancelled, flagship_offered, fulfilled, led_by, sourced
from lutong_inventory.orders.domain.steps import DeclineOrder, State, why_not_ordered, why_not_there
from lutong_inventory.parts import Names, names
from lutong_inventory.sourcing.domain.decision import wish_of
from lutong_inventory.sourcing.domain.values import Candidate, Decision, Reason, Wish

HERE: Final = Place(latitude=31.23, longitude=121.47)
NOW: Final = datetime(2026, 1, 5, 4, tzinfo=UTC)
LINES: Final = (Line(sku="tea", units=2, unit_price_minor=300),)
STORE: Final = Candidate("near", "store", HERE)


class Order(NamedTuple):
    """An order that is set aside at the flagship, or a part of one."""

    order_id: str = "o-1"
    part_of: str | None = None
    post_id: str = "p-1"
    program_id: str = "g-1"
    location_kind: LocationKind | None = "flagship"
    amount_minor: int = 0
    reason: str | None = None
    order_lines: list[Line] = list(LINES)  # noqa: RUF012  # nobody changes it
    member_id: str = "m-1"
    merchant_id: str = "shop"
    location_id: str | None = "flagship"
    distance_m: int | None = 9_000
    currency: str = "JPY"
    state: State = "offered"
    mode: str = "delivery"
    touch: str | None = None

    @property
    def names(self) -> Names:
        return names(self.order_id, self.part_of)


def a_wish() -> Wish:
    return wish_of("o-1", "shop", HERE, "delivery", LINES, 50_000)


def test_an_order_with_a_location_names_it_with_its_deadline() -> None:
    window = Window(starts_at=NOW, ends_at=NOW + timedelta(hours=2))
    event = sourced(Decision(a_wish(), STORE, 420, ()), LINES, "delivery", NOW, window)
    assert isinstance(event, OrderSourced)
    assert (event.order_id, event.merchant_id, event.location_id) == ("o-1", "shop", "near")
    assert (event.location_kind, event.distance_m, event.lines) == ("store", 420, LINES)
    assert (event.mode, event.accept_by, event.window) == ("delivery", NOW, window)


def test_where_an_order_is_sourced_names_what_led_to_it() -> None:
    touch = "1~1~01890a5d-ac96-774b-bcce-b302099a8057~home~0~p-1~p-1~shop~bo~1767312000000~" + "A" * 22
    found = sourced(Decision(a_wish(), STORE, 900, ()), LINES, "delivery", NOW)
    none = sourced(Decision(a_wish(), None, None, (), "closed"), LINES, "delivery", NOW)
    assert isinstance(led_by(found, touch), OrderSourced)
    assert led_by(found, touch) == found.model_copy(update={"touch": touch})
    assert (led_by(found, None), led_by(none, touch)) == (found, none)


@pytest.mark.parametrize(("reason", "published"), [("closed", "closed"), (None, "out_of_stock")])
def test_an_order_that_nobody_serves_is_rejected_for_a_reason(reason: Reason | None, published: str) -> None:
    event = sourced(Decision(a_wish(), None, None, (), reason), LINES, "delivery", NOW)
    assert isinstance(event, OrderRejected)
    assert (event.order_id, event.reason) == ("o-1", published)


def test_a_decision_draws_from_shelves_of_its_location_only() -> None:
    assert [tuple(shelf) for shelf in Decision(a_wish(), STORE, 420, ()).shelves] == [("near", "tea")]
    assert Decision(a_wish(), None, None, (), "closed").shelves == []


def test_the_flagship_is_offered_at_the_price_that_was_agreed() -> None:
    event = flagship_offered(Order(), 3_600, "sold_out", NOW)
    assert (event.location_id, event.distance_m, event.eta_delta_s) == ("flagship", 9_000, 3_600)
    assert (event.price_delta.amount_minor, event.price_delta.currency) == (0, "JPY")
    assert (event.member_id, event.reason, event.answer_by) == ("m-1", "sold_out", NOW)


def test_a_cancelled_order_has_its_reason() -> None:
    event = cancelled(Order(), "by_member")
    assert isinstance(event, OrderCancelled)
    assert (event.order_id, event.member_id, event.merchant_id, event.reason) == ("o-1", "m-1", "shop", "by_member")


def test_a_cancelled_part_names_its_order_and_itself() -> None:
    event = cancelled(Order("o-1.2", part_of="o-1", amount_minor=30), "sold_out")
    assert isinstance(event, PartCancelled)
    assert (event.order_id, event.fulfilment_id, event.amount.amount_minor) == ("o-1", "o-1.2", 30)


def test_a_part_that_came_is_not_the_end_of_its_order() -> None:
    part, whole = fulfilled(Order("o-1.2", part_of="o-1", amount_minor=30)), fulfilled(Order(amount_minor=30))
    assert isinstance(part, PartFulfilled)
    assert isinstance(whole, OrderFulfilled)
    assert (part.key, part.fulfilment_id, part.amount) == (whole.key, "o-1.2", whole.amount)


def test_an_offer_that_was_answered_takes_no_second_answer() -> None:
    wanted = AnswerOffer("o-1", "m-1", accepts=True)
    assert wanted.accepts
    assert answer(wanted.order_id, "offered") is None
    refusal = answer(wanted.order_id, "sourced")
    assert refusal is not None


def test_an_order_is_declined_only_for_goods_that_are_in_it() -> None:
    wanted = DeclineOrder("o-1", "flagship", "sold_out", ("tea",))
    assert why_not_there(Order(), wanted.location_id) is None
    assert why_not_ordered(Order(), wanted.skus, {"tea", "cup"}) is None
    assert why_not_ordered(Order(), (), {"tea"}) is None
    refusal = why_not_ordered(Order(), ("tea", "pot", "gold"), {"tea"})
    assert refusal is not None
    assert (refusal.kind, refusal.detail) == ("not_ordered", "order 'o-1' has no 'gold': name what it has")
