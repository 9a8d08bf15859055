"""Who may block whom, and what a block forbids: rules without a database."""

import pytest

from lutong_contracts.feed import PostPublished
from lutong_feed.apart.domain import APART_MAX, KeepApart, Pair, why_not
from lutong_feed.domain import Refusal
from lutong_feed.publishing.domain import Above, Follow, edge_of, why_not_follow
from lutong_feed.reposts.domain import Place, Repost

KNOWN = {"ann", "bo"}


@pytest.mark.parametrize(
    ("wanted", "kept", "kind"),
    [
        (KeepApart("ann", "bo", "block"), 0, None),
        (KeepApart("ann", "bo", "mute"), APART_MAX - 1, None),
        (KeepApart("ann", "bo", "mute"), APART_MAX, "too_many"),
        (KeepApart("ann", "ann", "block"), 0, "itself"),
        (KeepApart("ann", "cy", "block"), 0, "not_found"),
        (KeepApart("cy", "bo", "mute"), 0, "not_found"),
    ],
)
def test_an_account_keeps_others_apart(wanted: KeepApart, kept: int, kind: str | None) -> None:
    refusal = why_not(wanted, KNOWN, {(wanted.account_id, wanted.kind): kept})
    assert (refusal.kind if refusal else None) == kind


@pytest.mark.parametrize(
    ("blocked", "forbidden"),
    [(set(), False), ({Pair("cy", "bo")}, True), ({Pair("cy", "ann")}, True), ({Pair("bo", "ann")}, False)],
    ids=["nobody", "the parent's author", "the root's author", "two others"],
)
def test_nobody_reposts_who_is_kept_apart(blocked: set[Pair], forbidden: bool) -> None:
    post = PostPublished(post_id="p-3", author_id="cy", text="look", parent_id="p-2")
    edge = edge_of(post, Above({"p-2": Place("p-1", 1, authors=("bo", "ann"))}, blocked))
    assert isinstance(edge, Refusal if forbidden else Repost)
    assert not isinstance(edge, Refusal) or edge.kind == "kept_apart"


def test_nobody_follows_who_is_kept_apart() -> None:
    refusal = why_not_follow(Follow("ann", "bo"), KNOWN, {Pair("ann", "bo")})
    assert refusal is not None
    assert refusal.kind == "kept_apart"
    assert why_not_follow(Follow("ann", "bo"), KNOWN) is None
