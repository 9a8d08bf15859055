"""How a service without goods ends: once, whatever is reported of it in whatever order."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.inventory import OrderCancelled, OrderFulfilled, OrderRejected
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
