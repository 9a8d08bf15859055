"""Whose posts are copied to their followers, and how much at once. Pure: no clock, no database, no ids made here."""

from collections.abc import Collection, Mapping
from typing import Final, Literal, NamedTuple

Tier = Literal["push", "pull"]
"""Whether an author's posts are copied to those who follow, or read where they are."""

CHUNK_MAX: Final = 5_000
"""Rows that one transaction writes, whatever comes in a batch."""
CHUNK_MIN: Final = 20


class OpenTimeline(NamedTuple):
    """A reader reads their timeline."""

    reader_id: str


class Edge(NamedTuple):
    """A reader follows an author, or did."""

    follower_id: str
    followee_id: str


class Thresholds(NamedTuple):
    """With how many followers an author is pulled from then on, and below how many pushed again. Between them nothing changes."""

    pull_from: int
    push_below: int


def tier_after(tier: Tier, followers: int, at: Thresholds) -> Tier:
    """The tier of an author who has so many followers now. It does not flap: the way back is longer than the way there.

    >>> at = Thresholds(pull_from=10, push_below=8)
    >>> [tier_after("push", 9, at), tier_after("push", 10, at), tier_after("pull", 8, at), tier_after("pull", 7, at)]
    ['push', 'pull', 'pull', 'push']
    """
    if tier == "push":
        return "pull" if followers >= at.pull_from else "push"
    return "push" if followers < at.push_below else "pull"


def moved(followers: Mapping[str, int], pulled: Collection[str], at: Thresholds) -> dict[str, Tier]:
    """The authors who change their tier, and to which."""
    before: dict[str, Tier] = {author_id: "pull" if author_id in pulled else "push" for author_id in followers}
    after = {author_id: tier_after(before[author_id], count, at) for author_id, count in followers.items()}
    return {author_id: tier for author_id, tier in sorted(after.items()) if tier != before[author_id]}


def chunk_of(events: int) -> int:
    """How many rows each of some events may write, so that all of them together write a bounded number.

    >>> [chunk_of(1), chunk_of(10), chunk_of(10_000)]
    [5000, 500, 20]
    """
    return max(CHUNK_MIN, CHUNK_MAX // max(events, 1))
