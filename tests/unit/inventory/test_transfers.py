"""Transfers between locations: rules without a database."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Final

import pytest

from lutong_inventory.refusal import Refusal
from lutong_inventory.stock.domain.shelves import Shelf, Stock, fold
from lutong_inventory.transfers.domain import Line, Moved, Pace, State, Step, Transfer, draft, proposals, step

THERE: Final = Shelf("flagship", "tea")
HERE: Final = Shelf("near", "tea")
STOCKS: Final = {THERE: Stock(THERE, "shop", on_hand=9, reserved=2), HERE: Stock(HERE, "shop")}
TRANSFER: Final = Transfer("t-1", "shop", "flagship", "near", (Line("tea", 5),))


def kind(outcome: object) -> str | None:
    return outcome.kind if isinstance(outcome, Refusal) else None


def taken(
    transfer: Transfer, stocks: Mapping[Shelf, Stock], wanted: Step, **received: int
) -> tuple[Transfer, dict[Shelf, Stock]]:
    """A transfer and its shelves a step on."""
    outcome = step(transfer, wanted, received, stocks)
    assert isinstance(outcome, Moved), outcome
    return outcome.transfer, dict(stocks) | fold(stocks, outcome.movements)


def test_goods_are_set_apart_then_gone_then_there() -> None:
    transfer, stocks = taken(TRANSFER, STOCKS, "ready")
    assert (stocks[THERE].on_hand, stocks[THERE].available) == (9, 2)
    transfer, stocks = taken(transfer, stocks, "sent")
    assert (stocks[THERE].on_hand, stocks[THERE].available, stocks[HERE].on_hand) == (4, 2, 0)
    transfer, stocks = taken(transfer, stocks, "received", tea=2)
    assert (transfer.state, stocks[HERE].on_hand) == ("partially_received", 2)
    transfer, stocks = taken(transfer, stocks, "received")
    assert (transfer.state, stocks[HERE].on_hand, transfer.lines[0].received) == ("received", 5, 5)


def test_what_does_not_come_is_lost_and_on_no_shelf() -> None:
    transfer, stocks = taken(*taken(TRANSFER, STOCKS, "ready"), "sent")
    transfer, stocks = taken(*taken(transfer, stocks, "received", tea=2), "lost")
    assert (transfer.state, transfer.lines) == ("lost", (Line("tea", 5, 2, 3),))
    assert (stocks[THERE].on_hand, stocks[HERE].on_hand) == (4, 2)


def test_a_transfer_that_is_cancelled_puts_back_what_was_set_apart() -> None:
    transfer, stocks = taken(*taken(TRANSFER, STOCKS, "ready"), "cancelled")
    assert (transfer.state, replace(stocks[THERE], band=None)) == ("cancelled", STOCKS[THERE])
    assert taken(TRANSFER, STOCKS, "cancelled")[1] == STOCKS


@pytest.mark.parametrize(
    ("state", "wanted", "reason"),
    [
        ("draft", "sent", "wrong_step"), ("draft", "received", "wrong_step"), ("ready", "ready", "wrong_step"),
        ("in_transit", "cancelled", "wrong_step"), ("received", "received", "wrong_step"), ("lost", "received", "wrong_step"),
        ("ready", "sent", "not_set_apart"),
    ],
)  # fmt: skip
def test_a_step_out_of_order_is_refused(state: State, wanted: Step, reason: str) -> None:
    assert kind(step(replace(TRANSFER, state=state), wanted, {}, STOCKS)) == reason


def test_no_more_is_sent_or_received_than_there_is() -> None:
    assert kind(step(replace(TRANSFER, lines=(Line("tea", 8),)), "ready", {}, STOCKS)) == "not_there"
    on_its_way = replace(TRANSFER, state="in_transit")
    assert kind(step(on_its_way, "received", {"tea": 6}, STOCKS)) == "not_sent"
    assert kind(step(on_its_way, "received", {"cup": 1}, STOCKS)) == "not_sent"
    assert kind(draft(replace(TRANSFER, to_key="flagship"))) == "to_itself"
    assert kind(draft(replace(TRANSFER, lines=(Line("tea", 1), Line("tea", 2))))) == "named_twice"


def test_proposals_cover_some_days_and_never_more_than_the_flagship_has() -> None:
    paces = [
        Pace("slow", 14, 14, 9, 0, 99),
        Pace("gone", 14, 14, 0, 0, 3),
        Pace("low", 14, 14, 3, 1, 99),
        Pace("out", 7, 14, -2, 0, 9),
    ]
    assert [(each.sku, each.units) for each in proposals(paces, 7)] == [("gone", 3), ("out", 4), ("low", 3)]


STEPS: Final[tuple[Step, ...]] = ("ready", "sent", "received", "lost", "cancelled")


def walk(seed: int, *, twice: bool = False) -> None:
    """Take steps in any order; what left one shelf is at the other, lost, or on its way. `twice` leaves a rule out."""
    rng, transfer, stocks = Random(seed), TRANSFER, dict(STOCKS)
    for _ in range(12):
        wanted = rng.choice(STEPS)
        known = (
            replace(transfer, state="in_transit", lines=TRANSFER.lines) if twice and wanted == "received" else transfer
        )
        outcome = step(known, wanted, {"tea": rng.randint(1, 3)} if wanted == "received" else {}, stocks)
        if isinstance(outcome, Moved):
            transfer, stocks = outcome.transfer, stocks | fold(stocks, outcome.movements)
        (line,) = transfer.lines
        gone = line.units if transfer.state in {"in_transit", "partially_received", "received", "lost"} else 0
        assert 9 - stocks[THERE].on_hand == gone
        assert stocks[HERE].on_hand == line.received
        assert stocks[THERE].unavailable == (line.units if transfer.state == "ready" else 0)


def walk_all(*, twice: bool = False) -> None:
    """Many transfers."""
    for seed in range(200):
        walk(seed, twice=twice)


def test_no_unit_is_ever_in_two_places() -> None:
    walk_all()


def test_a_transfer_that_could_arrive_twice_would_be_missed() -> None:
    with pytest.raises(AssertionError):
        walk_all(twice=True)
