"""Events by which the feed keeps timelines and drafts: for itself alone. Each of timelines is a step of bounded size, and may be repeated or lost:
a timeline that is not copied is read from the posts of those whom its reader follows."""

from typing import Annotated, Literal

from pydantic import Field

from lutong_contracts.enumerations import Open
from lutong_contracts.event import Event
from lutong_contracts.topics import TIMELINES
from lutong_contracts.values import Identifier, Instant

_AFTER = "The account that the step before ended with; none at the first step."


class FanOutAsked(Event, topic=TIMELINES, key="author_id"):
    """A post is to be copied to the next of those who follow its author."""

    author_id: Identifier
    post_id: Identifier
    after: Identifier | None = Field(default=None, description=_AFTER)


class FollowMoved(Event, topic=TIMELINES, key="author_id"):
    """A reader follows an author, or does no more: what they have of the author's posts is to be made so."""

    author_id: Identifier
    reader_id: Identifier


class TierChanged(Event, topic=TIMELINES, key="author_id"):
    """An author has come to more followers than posts are copied to, or to fewer again: the next of them are to be moved."""

    author_id: Identifier
    tier: Annotated[str, Open(Literal["push", "pull"])]
    after: Identifier | None = Field(default=None, description=_AFTER)


class TimelineOpened(Event, topic=TIMELINES, key="reader_id"):
    """A reader read their timeline for the first time on a day: it is to be made, or shortened to what is kept."""

    reader_id: Identifier


class TimelineFilled(Event, topic=TIMELINES, key="reader_id"):
    """The posts of the next of those whom a reader follows are to be copied."""

    reader_id: Identifier
    after: Identifier | None = Field(default=None, description=_AFTER)


class TimelineUnread(Event, topic=TIMELINES, key="reader_id"):
    """A deadline: if a reader has not read for so long, their timeline is kept no more."""

    reader_id: Identifier


class DraftDue(Event, topic=TIMELINES, key="author_id"):
    """A deadline: the time for which an author scheduled a draft. One that was dropped or written anew meanwhile is not published."""

    author_id: Identifier
    draft_id: Identifier
    publish_at: Instant
