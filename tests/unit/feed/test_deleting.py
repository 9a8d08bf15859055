"""Who may delete a post, and what may not be done with one that is gone: rules without a database."""

import pytest

from lutong_feed.deleting.domain import By, DeletePost, StandingPost, Tombstone, decide
from lutong_feed.domain import Refusal, StoredPost, refused
from lutong_feed.reposts.domain import Place, Repost, below

POST = StandingPost("p-1", "ann", False, "j-1", "e-1")


@pytest.mark.parametrize(
    ("by", "reason", "post", "outcome"),
    [
        ("author", None, POST, Tombstone("p-1", "ann", "author", None)),
        ("author", "mistake", POST, Tombstone("p-1", "ann", "author", "mistake")),
        ("operator", "spam", POST, Tombstone("p-1", "ann", "operator", "spam")),
        ("operator", None, POST, "reason_missing"),
        (None, "spam", POST, "not_found"),
        ("author", None, None, "not_found"),
        ("author", None, POST._replace(deleted=True), None),
        ("operator", None, POST._replace(deleted=True), "reason_missing"),
    ],
)
def test_a_post_is_deleted_by_its_author_or_with_a_reason(
    by: By | None, reason: str | None, post: StandingPost | None, outcome: object
) -> None:
    found = decide(DeletePost("p-1", reason), by, post)
    assert (found.kind if isinstance(found, Refusal) else found) == outcome


def test_another_author_learns_as_little_as_of_no_post() -> None:
    assert decide(DeletePost("p-1"), None, POST) == decide(DeletePost("p-1"), "author", None)


def test_the_deleted_is_not_reposted() -> None:
    refusal = below("p-3", "p-2", {"p-2": Place("p-1", 1, deleted=True)})
    assert isinstance(refusal, Refusal)
    assert refusal.kind == "parent_deleted"
    assert isinstance(below("p-3", "p-2", {"p-2": Place("p-1", 1)}), Repost)  # the control


def test_a_post_that_was_deleted_is_not_taken_once_more() -> None:
    sent = StoredPost("p-1", "ann", "tea", None)
    assert refused(sent, {"ann"}, {"p-1": StoredPost("p-1", "ann", "", None, deleted=True)}) == "deleted"
    assert refused(sent, {"ann"}, {"p-1": sent}) is None
