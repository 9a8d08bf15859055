"""Whether a post may be edited, and what it is then. Pure: no clock, no database, no ids made here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from lutong_feed.domain import Refusal
from lutong_feed.texts.domain import why_unpublished

REVISIONS_MAX: Final = 50
"""Of a post: who changes more writes another one."""


class RevisePost(NamedTuple):
    """An author edits a post. `revision` is the one that they saw, if the client names it."""

    post_id: str
    text: str
    revision: int | None = None


class WrittenPost(NamedTuple):
    """A post as it is now: its text, how often it was written, and its journey."""

    post_id: str
    author_id: str
    text: str
    program_id: str | None
    revision: int
    deleted: bool
    correlation_id: str
    causation_id: str | None


class Revision(NamedTuple):
    """What a post was, and since when it was so."""

    revision: int
    text: str
    written_at: datetime


def revise(wanted: RevisePost, post: WrittenPost | None, *, is_author: bool) -> WrittenPost | Refusal:
    """The post with its new text; as it is, when it has that text already. Its program and its place stay."""
    if post is None or not is_author:
        return Refusal("not_found", f"there is no post {wanted.post_id!r}")
    if post.deleted:
        return Refusal("deleted", f"post {wanted.post_id!r} was deleted: publish another one")
    if wanted.text == post.text:
        return post
    if wanted.revision not in {None, post.revision}:
        what = f"post {wanted.post_id!r} is at revision {post.revision}, not {wanted.revision}"
        return Refusal("revised_meanwhile", f"{what}: read it again, then edit it")
    if post.revision >= REVISIONS_MAX:
        return Refusal("too_many_revisions", f"a post has at most {REVISIONS_MAX} revisions: publish another one")
    return why_unpublished(wanted.text) or post._replace(text=wanted.text, revision=post.revision + 1)


class Replaced(NamedTuple):
    """What a post was, and when another text took its place."""

    text: str
    replaced_at: datetime


def history(published_at: datetime, replaced: Sequence[Replaced], text: str) -> list[Revision]:
    """All revisions of a post in order: those before, and the text that stands.

    >>> day = datetime(2026, 1, 1)
    >>> [each.text for each in history(day, [Replaced("tee", day)], "tea")]
    ['tee', 'tea']
    """
    since = [published_at, *(each.replaced_at for each in replaced)]
    texts = [*(each.text for each in replaced), text]
    return [Revision(number, *each) for number, each in enumerate(zip(texts, since, strict=True), 1)]
