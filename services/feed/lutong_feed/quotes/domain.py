"""What a post may quote. Pure: no clock, no database, no ids made here."""

from collections.abc import Mapping
from typing import NamedTuple

from lutong_feed.domain import Refusal
from lutong_feed.reposts.domain import Place


class Quote(NamedTuple):
    """A post, and the one that it shows below its own words."""

    post_id: str
    quoted_id: str


def quoting(post_id: str, quoted_id: str, places: Mapping[str, Place]) -> Quote | Refusal:
    """A new quote. What is quoted is older than its quote: so there are no circles.

    >>> quoting("p-2", "p-1", {"p-1": Place("p-1", 0)})
    Quote(post_id='p-2', quoted_id='p-1')
    """
    quoted = places.get(quoted_id)
    if quoted is None or quoted_id == post_id:
        return Refusal("no_quoted", f"there is no post {quoted_id!r} to quote")
    if quoted.deleted:
        return Refusal("quoted_deleted", f"post {quoted_id!r}, or what it reposts, was deleted: it cannot be quoted")
    return Quote(post_id, quoted_id)
