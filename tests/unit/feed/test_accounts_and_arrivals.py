"""Accounts that change, cards that resolve, posts of other publishers: rules without a database."""

import pytest

from lutong_feed.domain import (
    AccountRow,
    CardRow,
    Resolution,
    StoredPost,
    refused,
    resolved,
)

FOUND = Resolution("p-1", "shop", "watsons", None, "e-1")
POST = StoredPost("p-1", "ann", "路通", None)


def test_a_new_account_is_personal_and_belongs_to_nobody() -> None:
    row = AccountRow("ann", "Ann").over(None)
    assert (row.kind, row.merchant_id, row.program_ids) == ("personal", None, None)


def test_what_an_account_does_not_name_stays_as_it_was() -> None:
    known = AccountRow("shop", "Shop", "official", "watsons", "one two")
    assert AccountRow("shop", "New name").over(known) == known._replace(name="New name")


def test_an_account_is_unbound_by_empty_values() -> None:
    known = AccountRow("shop", "Shop", "official", "watsons", "one two")
    row = AccountRow("shop", "Shop", merchant_id="", program_ids="").over(known)
    assert row == AccountRow("shop", "Shop", "official", None, None)


def test_a_card_follows_what_the_registry_found() -> None:
    assert resolved(FOUND, {}) == CardRow("p-1", "active", "shop", "watsons", None, "e-1")
    assert resolved(FOUND, {"shop": "fraud"}) == CardRow("p-1", "unavailable", "shop", "watsons", "suspended", "e-1")


def test_a_card_without_a_program_keeps_the_reason() -> None:
    nothing = FOUND._replace(program_id=None, merchant_id=None, reason="no_match")
    assert resolved(nothing, {}) == CardRow("p-1", "unavailable", None, None, "no_match", "e-1")


@pytest.mark.parametrize(
    ("authors", "stored", "reason"),
    [
        ({"ann"}, {}, "post_exists"),
        ({"ann"}, {"p-1": POST}, None),
        ({"ann"}, {"p-1": POST._replace(text="other")}, "post_exists"),
        ({"bo"}, {"p-1": POST}, "unknown_author"),
    ],
)
def test_a_post_of_another_publisher_is_taken_as_it_is_stored(
    authors: set[str], stored: dict[str, StoredPost], reason: str | None
) -> None:
    assert refused(POST, authors, stored) == reason
