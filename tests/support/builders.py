"""Events and settings of the story, with everything defaulted that a test does not care about."""

from collections.abc import Iterable

from lutong_contracts import Event
from lutong_contracts.feed import PostPublished, RequestCancelled, ServiceRequested
from lutong_contracts.inventory import OrderCancelled, OrderFulfilled, PartFulfilled
from lutong_contracts.membership import CreditHeld
from lutong_contracts.topics import TIMELINES
from lutong_contracts.values import Line, Money, Place

SHANGHAI = Place(latitude=31.23, longitude=121.47)
GOOD_PROFILE = {
    "months_known": 36,
    "late_months": 0,
    "worst_delay_months": 0,
    "utilisation_percent": 20,
    "declared_limit_minor": 2_000_000,
}
BAD_PROFILE = GOOD_PROFILE | {"months_known": 3, "late_months": 5, "worst_delay_months": 4, "utilisation_percent": 95}


def a_post(
    post_id: str = "p-1", text: str = "今天天气不错", program_id: str | None = None, author_id: str = "author"
) -> PostPublished:
    return PostPublished(post_id=post_id, author_id=author_id, text=text, program_id=program_id)


def a_request(order_id: str = "o-1", amount_minor: int = 10_000, viewer_id: str = "m-1") -> ServiceRequested:
    return ServiceRequested(
        viewer_id=viewer_id,
        order_id=order_id,
        post_id="p-1",
        program_id="g-1",
        merchant_id="shop",
        lines=(Line(sku="tea", units=1, unit_price_minor=amount_minor),),
        total=Money(amount_minor=amount_minor, currency="CNY"),
        destination=SHANGHAI,
        mode="delivery",
    )


def a_hold(order_id: str = "o-1", *lines: tuple[str, int], merchant_id: str = "shop") -> CreditHeld:
    return CreditHeld(
        order_id=order_id,
        agreement_id="a-1",
        member_id="m-1",
        merchant_id=merchant_id,
        post_id="p-1",
        program_id="g-1",
        amount=Money(amount_minor=100, currency="CNY"),
        lines=tuple(Line(sku=sku, units=units, unit_price_minor=100) for sku, units in lines or (("tea", 1),)),
        destination=SHANGHAI,
        mode="delivery",
    )


def a_cancellation(order_id: str = "o-1") -> RequestCancelled:
    return RequestCancelled(viewer_id="m-1", order_id=order_id)


def fulfilled(order_id: str = "o-1", amount_minor: int = 10_000) -> OrderFulfilled:
    return OrderFulfilled(
        order_id=order_id,
        member_id="m-1",
        merchant_id="shop",
        post_id="p-1",
        program_id="g-1",
        location_id="near",
        location_kind="store",
        amount=Money(amount_minor=amount_minor, currency="CNY"),
    )


def part_fulfilled(order_id: str, number: int, amount_minor: int) -> PartFulfilled:
    return PartFulfilled(
        order_id=order_id,
        fulfilment_id=f"{order_id}.{number}" if number > 1 else order_id,
        member_id="m-1",
        merchant_id="shop",
        location_id="near",
        location_kind="store",
        amount=Money(amount_minor=amount_minor, currency="CNY"),
    )


def cancelled(order_id: str = "o-1") -> OrderCancelled:
    return OrderCancelled(order_id=order_id, member_id="m-1", merchant_id="shop", reason="cancelled_by_member")


def beside_timelines(events: Iterable[Event]) -> list[Event]:
    """What the feed tells others; of its timelines it tells itself alone."""
    return [event for event in events if event.topic is not TIMELINES]
