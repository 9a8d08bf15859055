"""Who may use a card, what an order costs, and what may be cancelled: rules without a database."""

from typing import Any

import pytest

from lutong_contracts.gray import Viewing
from lutong_contracts.values import Money, Offer, Place
from lutong_feed.bindings.domain import Binding, ask
from lutong_feed.domain import OrderLine, Program, Refusal, Status
from lutong_feed.engagements.domain import (
    Accepted,
    CancelRequest,
    Card,
    Engagement,
    Found,
    OpenCard,
    RequestRow,
    RequestService,
    SolveCard,
    TapCard,
    Use,
    accept,
    cancel,
    decided,
    usable,
)

TEA = Offer(sku="tea", title="Tea", unit_price=Money(amount_minor=300, currency="CNY"))
SHOP = Program("shop", "watsons", 2, "Shop", "pages/shop", (TEA,))
CARD = Card("p-1", "active", "shop", "watsons", None, "j-1", None, 2, "Shop", "pages/shop")
WANTED = RequestService("p-1", "ann", (OrderLine("tea", 2),), Place(latitude=31.2, longitude=121.5), "delivery", None)
REQUEST = RequestRow("o-1", "ann", "p-1", "requested", None, None, None, 600, "CNY", "j-1")


def found(**changes: Any) -> Found:
    """A viewer who is known, before a card that can be used."""
    return Found(viewer_known=True, card=CARD._replace(**changes))


def kind_of(outcome: object) -> str:
    return outcome.kind if isinstance(outcome, Refusal) else "done"


def test_an_active_card_opens_the_version_in_force() -> None:
    wanted = TapCard("p-1", "ann")
    assert usable(wanted.post_id, Viewing(wanted.viewer_id), found()) == OpenCard(CARD, "shop", 2)


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        (Found(viewer_known=False, card=CARD), "not_found"),
        (Found(viewer_known=True, card=None), "not_found"),
        (found(state="unavailable", reason="suspended"), "card_unavailable"),
        (found(state="resolving"), "card_resolving"),
        (found(program_id=None), "card_resolving"),
        (found(version=None), "card_resolving"),
        (found(state="unavailable", reason="deleted", program_id=None), "deleted"),
        (found()._replace(deleted=True), "deleted"),
    ],
)
def test_a_card_that_cannot_be_used_has_a_reason(before: Found, kind: str) -> None:
    wanted = SolveCard("p-1", "ann")
    assert kind_of(usable(wanted.post_id, Viewing(wanted.viewer_id), before)) == kind


def test_why_a_card_is_off_is_given_as_a_word() -> None:
    refusal = usable("p-1", Viewing("ann"), found(state="unavailable", reason="suspended"))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "suspended"


def test_of_uses_in_one_batch_the_first_alone_is_the_first() -> None:
    tap, other = Engagement("p-1", "ann", "tap"), Engagement("p-1", "bo", "tap")
    card, refusal = OpenCard(CARD, "shop", 2), Refusal("not_found", "there is no post")
    outcomes = decided([tap, tap, other, tap], [card, card, card, refusal], {tap})
    assert outcomes == [Use(card, first=True), Use(card, first=False), Use(card, first=False), refusal]


@pytest.mark.parametrize("shown_minor", [None, 600])
def test_an_order_costs_what_the_version_in_force_costs(shown_minor: int | None) -> None:
    accepted = accept(WANTED._replace(expected_total_minor=shown_minor), found(), {"shop": SHOP})
    assert isinstance(accepted, Accepted)
    assert (accepted.card, accepted.program) == (CARD, SHOP)
    assert accepted.priced.total == Money(amount_minor=600, currency="CNY")


@pytest.mark.parametrize(
    ("wanted", "before", "kind"),
    [
        (WANTED, found(state="resolving"), "card_resolving"),
        (WANTED._replace(lines=(OrderLine("gold", 1),)), found(), "not_offered"),
        (WANTED._replace(expected_total_minor=599), found(), "other_total"),
    ],
)
def test_an_order_that_is_not_as_shown_is_refused(wanted: RequestService, before: Found, kind: str) -> None:
    assert kind_of(accept(wanted, before, {"shop": SHOP})) == kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [("requested", "done"), ("sourced", "done"), ("fulfilled", "ended"), ("declined", "ended"), ("cancelled", "ended")],
)
def test_only_what_is_under_way_is_cancelled(status: Status, kind: str) -> None:
    request = REQUEST._replace(status=status)
    outcome = cancel(CancelRequest("o-1", "ann"), request)
    assert kind_of(outcome) == kind
    assert kind == "ended" or outcome == request


def test_anothers_request_is_as_absent_as_none() -> None:
    wanted = CancelRequest("o-1", "bo")
    assert cancel(wanted, REQUEST) == cancel(wanted, None)
    assert kind_of(cancel(wanted, None)) == "not_found"


ASKED = Binding("ann", "b-1", "m-1", "asked")


@pytest.mark.parametrize(
    ("known", "outcome"), [(None, ASKED), (ASKED._replace(binding_id="b-0", state="bound"), None), (ASKED, ASKED)]
)
def test_a_viewer_who_asks_for_the_same_member_keeps_it(known: Binding | None, outcome: Binding | None) -> None:
    assert ask(known, ASKED) == (outcome or known)


def test_a_viewer_is_bound_to_one_member_at_a_time() -> None:
    assert kind_of(ask(ASKED._replace(member_id="m-2"), ASKED)) == "bound_elsewhere"
