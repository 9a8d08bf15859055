"""How a service without goods ends: once, whatever is reported of it in whatever order."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.inventory import OrderCancelled, OrderFulfilled, OrderRejected
from lutong_contracts.values import Money
from lutong_inventory.provided import domain
from lutong_inventory.provided.domain import Provision
from lutong_inventory.refusal import Refusal

BILL: Final = Provision(
    "o-1", "water", "m-1", "p-1", "fees", 5_000, "CNY", None, "waiting", datetime(2026, 12, 2, tzinfo=UTC), "j-1", None
)
MOVES: Final[dict[str, Callable[[Provision], Provision | Refusal]]] = {
    "done": lambda known: domain.done(known, "bill-1"),
    "done again": lambda known: domain.done(known, "bill-2"),
    "failed": lambda known: domain.failed(known, "account_closed"),
    "lapsed": domain.lapsed,
    "cancelled": domain.cancelled,
}


def after(move: str, known: Provision = BILL) -> Provision:
    decided = MOVES[move](known)
    assert isinstance(decided, Provision)
    return decided


def test_each_end_is_published_as_orders_end() -> None:
    done = after("done").event
    assert isinstance(done, OrderFulfilled)
    assert (done.location_kind, done.location_id, done.reference) == ("provider", "water", "bill-1")
    assert done.amount.amount_minor == 5_000
    reasons = {"failed": "account_closed", "lapsed": "provider_silent"}
    for move, reason in reasons.items():
        assert after(move).event == OrderRejected(order_id="o-1", merchant_id="water", reason=reason)
    assert isinstance(after("cancelled").event, OrderCancelled)


def test_the_same_report_again_is_the_same_and_another_is_refused() -> None:
    done = after("done")
    assert domain.done(done, "bill-1") == done
    for move in ("done again", "failed"):
        refusal = MOVES[move](done)
        assert isinstance(refusal, Refusal)
        assert "bill-1" in refusal.detail


def test_it_may_be_done_for_less_than_is_held() -> None:
    less = domain.done(BILL, "bill-1", 4_000)
    assert isinstance(less, Provision)
    done = less.event
    assert isinstance(done, OrderFulfilled)
    assert (done.amount.amount_minor, done.listed) == (4_000, None)  # what it costs by the list is not known
    assert domain.done(less, "bill-1", 4_000) == less
    assert domain.done(after("done"), "bill-1", 5_000) == after("done")  # all of it, in other words
    assert {kind_of(domain.done(less, "bill-1", other)) for other in (3_000, None)} == {"ended"}
    assert kind_of(domain.done(BILL, "bill-1", 5_001)) == "more_than_held"


def test_what_is_done_for_less_states_its_share_of_the_list() -> None:
    done = domain.done(replace(BILL, listed_minor=6_000), "bill-1", 4_000)
    assert isinstance(done, Provision)
    assert isinstance(done.event, OrderFulfilled)
    assert done.event.listed == Money(amount_minor=4_800, currency="CNY")


def kind_of(decided: Provision | Refusal) -> str:
    return decided.kind if isinstance(decided, Refusal) else decided.state


@given(st.integers(1, 5_000), st.lists(st.integers(1, 5_000), max_size=8))
def test_no_more_is_given_back_than_was_paid(done_minor: int, refunds: list[int]) -> None:
    known = domain.done(BILL, "bill-1", done_minor)
    assert isinstance(known, Provision)
    given_minor = 0
    for amount_minor in refunds:
        decided = domain.refunded(known, amount_minor)
        if amount_minor > done_minor - given_minor:
            assert kind_of(decided) == "more_than_left"
            continue
        assert isinstance(decided, Provision)
        known, given_minor = decided, given_minor + amount_minor
    assert known.refunded_minor == given_minor <= known.paid_minor == done_minor


def test_of_what_was_not_done_nothing_is_given_back() -> None:
    for known in (BILL, *(after(move) for move in ("failed", "lapsed", "cancelled"))):
        assert kind_of(domain.refunded(known, 1)) == "not_fulfilled"
        assert known.paid_minor == 0


@given(st.lists(st.sampled_from(sorted(MOVES)), max_size=8))
def test_a_service_ends_once(moves: list[str]) -> None:
    known, ends = BILL, 0
    for move in moves:
        decided = MOVES[move](known)
        if isinstance(decided, Refusal) or decided == known:
            continue
        ends, known = ends + 1, decided
        assert (known.reference is not None) == (known.state == "done")
        assert (known.reason is not None) == (known.state in {"failed", "lapsed", "cancelled"})
    assert ends == (known != BILL) <= 1
