"""Whether a post may be deleted, and what that means. Pure: no clock, no database, no ids made here."""

from typing import Literal, NamedTuple

from lutong_feed.domain import Refusal

By = Literal["author", "operator"]


class DeletePost(NamedTuple):
    """A post goes, for good. Staff states the reason, a word; an author need not."""

    post_id: str
    reason: str | None = None


class StandingPost(NamedTuple):
    """A post as it is before it is deleted, or was deleted already, and its journey."""

    post_id: str
    author_id: str
    deleted: bool
    correlation_id: str
    causation_id: str | None


class Tombstone(NamedTuple):
    """What is left of a post: whose it was, and who deleted it, for what reason, if they gave one."""

    post_id: str
    author_id: str
    by: By
    reason: str | None


def no_post(post_id: str) -> Refusal:
    """A post that does not exist, or is not the caller's."""
    return Refusal("not_found", f"there is no post {post_id!r}")


def gone(post_id: str) -> Refusal:
    """A post that was deleted: everybody may know that it was there."""
    return Refusal("deleted", f"post {post_id!r} was deleted: there is nothing left to read or to use")


def decide(wanted: DeletePost, by: By | None, post: StandingPost | None) -> Tombstone | Refusal | None:
    """The tombstone of a post, or None when it has one already. `by` is what the caller is to it: None for all others.

    >>> decide(DeletePost("p-1"), "author", StandingPost("p-1", "ann", False, "j-1", None))
    Tombstone(post_id='p-1', author_id='ann', by='author', reason=None)
    """
    if post is None or by is None:
        return no_post(wanted.post_id)
    if by == "operator" and wanted.reason is None:
        return Refusal("reason_missing", "staff deletes a post for a reason: send `?reason=` with a word such as spam")
    return None if post.deleted else Tombstone(post.post_id, post.author_id, by, wanted.reason)
