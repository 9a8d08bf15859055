"""Which posts of a batch may be published, and who may follow whom: rules without a database."""

import pytest

from lutong_contracts.feed import PostPublished
from lutong_feed.publishing.domain import Above, Follow, known_before, why_not_follow, why_unpublished


def a_post(post_id: str, author_id: str = "ann") -> PostPublished:
    return PostPublished(post_id=post_id, author_id=author_id, text="路通")


def test_of_posts_with_one_id_the_first_is_published() -> None:
    posts = [a_post("p-1"), a_post("p-2", "nobody"), a_post("p-1"), a_post("p-3")]
    refusals = why_unpublished(posts, {"ann"}, Above({}))
    assert {place: refusal.kind for place, refusal in refusals.items()} == {1: "not_found", 2: "post_exists"}
    assert refusals[2] == known_before(a_post("p-1"))


def test_a_post_of_nobody_takes_no_id() -> None:
    assert list(why_unpublished([a_post("p-1", "nobody"), a_post("p-1")], {"ann"}, Above({}))) == [0]


@pytest.mark.parametrize(
    ("follow", "kind"),
    [(Follow("ann", "bo"), None), (Follow("ann", "ann"), "follows_itself"), (Follow("ann", "nobody"), "not_found")],
)
def test_accounts_follow_others_that_exist(follow: Follow, kind: str | None) -> None:
    refusal = why_not_follow(follow, {"ann", "bo"})
    assert (refusal.kind if refusal else None) == kind
