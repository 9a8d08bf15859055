"""Which drafts are kept, and when they are published. Pure: no clock, no database, no ids made here."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from lutong_contracts.feed import PostAudience, PostPublished
from lutong_contracts.moments import written
from lutong_feed.domain import Refusal
from lutong_feed.texts.domain import parted, why_unpublished, why_unseen

DRAFTS_MAX: Final = 100
"""Drafts of one author."""
AHEAD_MAX: Final = timedelta(days=366)
"""How far ahead a post may be scheduled."""


class Draft(NamedTuple):
    """What an author wrote. `publish_at`: when it is published, if it is scheduled."""

    author_id: str
    draft_id: str
    text: str
    program_id: str | None = None
    card: str = "auto"
    parent_id: str | None = None
    publish_at: datetime | None = None
    quote_id: str | None = None
    audience: PostAudience = "everybody"

    @property
    def name(self) -> "DraftName":
        """Whose it is, and its id."""
        return DraftName(self.author_id, self.draft_id)

    @property
    def as_post(self) -> PostPublished:
        """The post that it becomes, under the same id. A repost shows the card of its root, and has none of its own."""
        parts = parted(self.text)
        is_repost = self.parent_id is not None
        return PostPublished(
            post_id=self.draft_id,
            author_id=self.author_id,
            text=parts.text,
            rest=parts.rest,
            program_id=None if is_repost else self.program_id,
            card="none" if is_repost or self.card == "none" else "auto",
            parent_id=self.parent_id,
            quote_id=self.quote_id,
            audience=self.audience,
        )


class DraftName(NamedTuple):
    """An author and the id that they gave a draft; others may have the same."""

    author_id: str
    draft_id: str


class WriteDraft(NamedTuple):
    """An author writes a draft, or writes it anew."""

    draft: Draft


class EraseDrafts(NamedTuple):
    """All that an author wrote and has not published is to be gone."""

    author_id: str


class DropDraft(NamedTuple):
    """An author drops a draft; one that was scheduled is not published."""

    author_id: str
    draft_id: str


class PublishDraft(NamedTuple):
    """An author publishes a draft now."""

    author_id: str
    draft_id: str


class Known(NamedTuple):
    """What drafts are judged by: accounts that exist, ids that are a post's, and the drafts of each author."""

    accounts: Collection[str]
    posts: Collection[str]
    drafts: Mapping[str, Collection[str]]


def why_not_kept(draft: Draft, known: Known, now: datetime) -> Refusal | None:
    """Why a draft cannot be kept as it is. What it reposts is looked at when it is published."""
    if draft.author_id not in known.accounts:
        return Refusal("not_found", f"there is no account {draft.author_id!r}")
    if draft.draft_id in known.posts:
        return Refusal("post_exists", f"{draft.draft_id!r} is the id of a post: give the draft another one")
    theirs = known.drafts.get(draft.author_id, ())
    if draft.draft_id not in theirs and len(theirs) >= DRAFTS_MAX:
        return Refusal("too_many_drafts", f"{draft.author_id!r} has {DRAFTS_MAX} drafts: publish or drop one first")
    if wrong := why_unpublished(draft.text) or why_unseen(draft.text):
        return wrong
    return why_not_then(draft.publish_at, now) if draft.publish_at else None


def why_not_then(publish_at: datetime, now: datetime) -> Refusal | None:
    """Why a draft cannot be published at a time. It is the server's time that counts.

    >>> from datetime import UTC
    >>> why_not_then(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)).kind
    'not_ahead'
    """
    if publish_at <= now:
        return Refusal("not_ahead", f"it is {written(now)} already: name a later time, or publish the draft now")
    if publish_at - now > AHEAD_MAX:
        return Refusal(
            "too_far_ahead", f"a post is scheduled {AHEAD_MAX.days} days ahead at most: name an earlier time"
        )
    return None
