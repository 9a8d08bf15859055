"""Who may edit a post, how often, and what it was before: rules without a database."""

from datetime import UTC, datetime, timedelta

import pytest

from lutong_feed.domain import Refusal
from lutong_feed.revising.domain import REVISIONS_MAX, Replaced, RevisePost, WrittenPost, history, revise

POST = WrittenPost("p-1", "ann", "tee", None, 3, False, "j-1", None)
DAY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wanted", "post", "is_author", "outcome"),
    [
        (RevisePost("p-1", "tea"), POST, True, POST._replace(text="tea", revision=4)),
        (RevisePost("p-1", "tea", 3), POST, True, POST._replace(text="tea", revision=4)),
        (RevisePost("p-1", "tee"), POST, True, POST),
        (RevisePost("p-1", "tee", 1), POST, True, POST),
        (RevisePost("p-1", "tea", 2), POST, True, "revised_meanwhile"),
        (RevisePost("p-1", "tea"), POST, False, "not_found"),
        (RevisePost("p-1", "tea"), None, False, "not_found"),
        (RevisePost("p-1", "tea"), POST._replace(deleted=True), True, "deleted"),
        (RevisePost("p-1", "tea"), POST._replace(revision=REVISIONS_MAX), True, "too_many_revisions"),
        (RevisePost("p-1", "a" * 2001), POST, True, "too_long"),
        (RevisePost("p-1", " " * 2001 + "a"), POST, True, "unseen_beginning"),
    ],
)
def test_a_post_is_edited_by_its_author(
    wanted: RevisePost, post: WrittenPost | None, is_author: bool, outcome: object
) -> None:
    found = revise(wanted, post, is_author=is_author)
    assert (found.kind if isinstance(found, Refusal) else found) == outcome


def test_each_revision_begins_when_the_one_before_ends() -> None:
    days = [DAY + timedelta(days=n) for n in range(3)]
    found = history(days[0], [Replaced("a", days[1]), Replaced("b", days[2])], "c")
    assert [(each.revision, each.text, each.written_at) for each in found] == [
        (1, "a", days[0]), (2, "b", days[1]), (3, "c", days[2]),
    ]  # fmt: skip
    assert [each.text for each in history(DAY, [], "a")] == ["a"]
