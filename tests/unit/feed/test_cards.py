"""Cards and prices: rules without a database."""

from lutong_contracts.values import Money, Offer
from lutong_feed.domain import MAY_BECOME, OrderLine, Program, Refusal, card_state
from lutong_feed.engagements.domain import Priced, price

SHOP = Program(
    "shop", "watsons", 1, "Shop", "pages/shop",
    tuple(Offer(sku=sku, title=sku, unit_price=Money(amount_minor=cost, currency="CNY")) for sku, cost in (("tea", 300), ("cup", 1000), ("air", 0))),
)  # fmt: skip


def test_prices_are_the_programs_and_repeated_lines_stay_lines() -> None:
    priced = price([OrderLine("tea", 2), OrderLine("cup", 1), OrderLine("tea", 1)], SHOP)
    assert isinstance(priced, Priced)
    assert priced.total == Money(amount_minor=1900, currency="CNY")
    assert [(line.sku, line.units, line.unit_price_minor) for line in priced.lines] == [
        ("tea", 2, 300),
        ("cup", 1, 1000),
        ("tea", 1, 300),
    ]


def test_what_is_not_offered_or_costs_nothing_is_refused() -> None:
    for skus, kind in ((["tea", "gold"], "not_offered"), (["air"], "bad_total")):
        refusal = price([OrderLine(sku, 1) for sku in skus], SHOP)
        assert isinstance(refusal, Refusal)
        assert refusal.kind == kind


def test_a_card_that_resolves_after_its_program_was_suspended_is_unavailable() -> None:
    assert card_state(None) == ("active", None)
    assert card_state("security_incident") == ("unavailable", "suspended")


def test_what_ended_stays_ended() -> None:
    ended = {"declined", "rejected", "fulfilled", "cancelled"}
    assert all(not ended & set(sources) for sources in MAY_BECOME.values())
