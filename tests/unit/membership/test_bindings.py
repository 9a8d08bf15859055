"""Bindings of viewers to members: both sides want it, either side ends it, and nobody else pays."""

from datetime import UTC, datetime

import pytest

from lutong_contracts.feed import AccountBindingAsked, AccountBindingEnded
from lutong_contracts.membership import AccountBound, AccountUnbound
from lutong_membership.bindings import domain
from lutong_membership.bindings.domain import Binding, Known
from lutong_membership.holds.domain.requests import as_member
from tests.support.builders import a_request

NOW = datetime(2026, 3, 10, tzinfo=UTC)
NOTHING: Known = {}


def asking(binding_id: str = "b-1", member_id: str = "m-1") -> AccountBindingAsked:
    return AccountBindingAsked(viewer_id="v-1", binding_id=binding_id, member_id=member_id)


def ending(binding_id: str = "b-1", member_id: str = "m-1") -> AccountBindingEnded:
    return AccountBindingEnded(viewer_id="v-1", binding_id=binding_id, member_id=member_id)


BOUND = AccountBound(viewer_id="v-1", binding_id="b-1", member_id="m-1")


def unbound(ended_by: str, binding_id: str = "b-1", member_id: str = "m-1") -> AccountUnbound:
    return AccountUnbound(viewer_id="v-1", binding_id=binding_id, member_id=member_id, ended_by=ended_by)


ASKED = domain.asked(NOTHING, asking()).known
CONSENTED = domain.consented(NOTHING, "v-1", "m-1", NOW).known
SEALED = {"m-1": Binding("v-1", "m-1", "b-1", NOW)}


@pytest.mark.parametrize(
    "last",
    [domain.consented(ASKED, "v-1", "m-1", NOW), domain.asked(CONSENTED, asking())],
    ids=["asked first", "consented first"],
)
def test_both_sides_make_a_binding_in_either_order(last: domain.Change) -> None:
    assert (last.known, last.events) == (SEALED, (BOUND,))


def test_one_side_alone_makes_none() -> None:
    assert [domain.asked(NOTHING, asking()).events, domain.consented(NOTHING, "v-1", "m-1", NOW).events] == [(), ()]
    assert [known["m-1"].state for known in (ASKED, CONSENTED, SEALED)] == ["asked", "consented", "bound"]


def test_consent_to_one_viewer_is_none_to_another_member() -> None:
    change = domain.asked(CONSENTED, asking(member_id="m-2"))
    assert (change.events, change.known["m-2"].state) == ((), "asked")


def test_repeating_a_command_changes_nothing() -> None:
    assert domain.asked(SEALED, asking()) == domain.Change(SEALED)
    assert domain.consented(SEALED, "v-1", "m-1", NOW.replace(year=2027)) == domain.Change(SEALED)
    assert domain.ended_by(NOTHING, "m-1", "member") == domain.Change(NOTHING)


def test_either_side_ends_it_and_the_consent_goes_with_it() -> None:
    assert domain.ended_by_viewer(SEALED, ending()) == domain.Change({}, (unbound("viewer"),))
    assert domain.ended_by(SEALED, "m-1", "member") == domain.Change({}, (unbound("member"),))
    assert domain.ended_by(SEALED, "m-1", "operator") == domain.Change({}, (unbound("operator"),))


def test_an_old_ending_does_not_end_a_new_binding() -> None:
    assert domain.ended_by_viewer(SEALED, ending("b-0")) == domain.Change(SEALED)


def test_what_was_asked_for_can_be_refused() -> None:
    assert domain.ended_by(ASKED, "m-1", "member").events == (unbound("member"),)
    assert domain.ended_by(CONSENTED, "m-1", "member").events == ()


def test_a_viewer_has_one_binding() -> None:
    change = domain.asked(SEALED, asking("b-2", "m-2"))
    assert change.events == (unbound("viewer"),)
    assert {key: each.state for key, each in change.known.items()} == {"m-2": "asked"}


@pytest.mark.parametrize(
    ("named", "bound_to", "viewers_are_members", "payer"),
    [
        (None, None, True, "v-1"),
        (None, None, False, None),
        (None, "m-1", True, "m-1"),
        (None, "m-1", False, "m-1"),
        ("m-1", "m-1", True, "m-1"),
        ("m-1", None, True, None),
        ("m-1", "m-2", True, None),
    ],
)
def test_who_pays_is_who_was_named_and_still_consents(
    named: str | None, bound_to: str | None, viewers_are_members: bool, payer: str | None
) -> None:
    request = a_request(viewer_id="v-1").model_copy(update={"member_id": named})
    found = as_member(request, bound_to, viewers_are_members=viewers_are_members)
    assert (found and found.viewer_id) == payer
