"""What an audit row may show, and which routes are built."""

import importlib
from collections.abc import Callable
from typing import Any

import pytest

from lutong_chassis import allowed, audit, audited, not_audited
from lutong_chassis.audit import MASK, Change
from lutong_chassis.http import GuardedRoute, operations, parked

SERVICES = ("feed", "registry", "membership", "inventory")
PERSONAL = ("name", "title", "phone", "address", "latitude", "longitude", "score", "points", "token", "text")


def build(*marks: Callable[[Any], Any], method: str = "POST") -> GuardedRoute:
    async def command() -> None:
        """Change something."""

    for mark in (allowed("operator"), *marks):
        mark(command)
    return GuardedRoute("/v1/things", command, methods=[method])


def test_a_command_without_what_it_records_is_not_built() -> None:
    with pytest.raises(TypeError, match=r"/v1/things: declare what command records: @audited"):
        build()


def test_a_command_that_declares_both_is_not_built() -> None:
    with pytest.raises(TypeError, match=r"declare what command records"):
        build(audited("thing.set"), not_audited("its own"))


@pytest.mark.parametrize("mark", [audited("thing.set"), not_audited("its own")])
def test_a_command_that_declares_one_is_built(mark: Callable[[Any], Any]) -> None:
    assert build(mark)


def test_a_query_need_not_declare_anything() -> None:
    assert build(method="GET").on_record is None


@pytest.mark.parametrize("verb", ["set", "Line.set", "line set", "line.", ".set", ""])
def test_an_action_is_a_dotted_verb(verb: str) -> None:
    with pytest.raises(TypeError, match="is not a dotted verb"):
        audited(verb)


@pytest.mark.parametrize("nothing", [audited, lambda: not_audited(" ")])
def test_nothing_on_record_needs_a_reason(nothing: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match=r"^(name the actions|give the reason)"):
        nothing()


@pytest.mark.parametrize("field", PERSONAL)
def test_an_action_cannot_show_what_is_personal(field: str) -> None:
    with pytest.raises(TypeError, match="may be personal"):
        audited("thing.set", shows=(f"shop_{field}",))


def test_no_action_of_the_suite_shows_what_is_personal() -> None:
    for name in SERVICES:
        importlib.import_module(f"lutong_{name}.app")
    profile = set(importlib.import_module("lutong_membership.holds.http").Profile.model_fields)
    shown = audit.declared()
    assert len(shown) > 40
    for action, fields in shown.items():
        assert not [field for field in fields if any(word in field for word in PERSONAL)], action
        assert not fields & profile, action


def test_every_command_of_the_suite_is_on_record() -> None:
    routers = [importlib.import_module(f"lutong_{name}.http").router for name in SERVICES]
    commands = [
        route
        for router in (
            *routers,
            *parked.ROUTERS,
            operations.router,
            operations.admin_router,
            operations.entities_router,
        )
        for route in router.routes
        if isinstance(route, GuardedRoute) and not set(route.methods or ()) <= {"GET"}
    ]
    assert len(commands) > 50
    nobody_elses = [  # a member's own, or nothing changes
        "/v1/accounts/{account_id}/member",
        "/v1/accounts/{account_id}/drafts/{draft_id}",
        "/v1/accounts/{account_id}/drafts/{draft_id}",
        "/v1/accounts/{account_id}/drafts/{draft_id}/publication",
        "/v1/posts/{post_id}",
        "/v1/discoveries/previews",
        "/v1/agreements/{agreement_id}/rights/{right_id}/codes",
        "/v1/members/{member_id}/accounts/{viewer_id}",
        "/v1/availability",
        "/v1/merchants/{merchant_id}/sourcing-rules/what-if",
        "/v1/orders/{order_id}/pickup-code",
        "/operations/parked/preflight",
    ]
    assert [route.path for route in commands if route.on_record is None] == nobody_elses


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (1, 1), (None, None), (True, True), ("active", "active"),
        ("x" * 65, MASK), ({"nested": "13800000000"}, MASK), (["13800000000"], MASK), (b"bytes", MASK),
    ],
)  # fmt: skip
def test_a_shown_field_keeps_only_short_plain_values(value: object, kept: object) -> None:
    assert audit.effect(Change("thing.set", "thing:1", after={"state": value})) == (None, {"state": kept})


def test_only_what_changed_is_kept() -> None:
    change = Change("thing.set", "thing:1", None, {"state": "a", "version": 1, "gone": 1}, {"state": "b", "version": 1})
    assert audit.effect(change) == ({"state": "a", "gone": MASK}, {"state": "b"})
