"""Where a repost hangs in its tree, and what may be quoted. Pure: no clock, no database, no ids made here."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from lutong_feed.domain import Refusal

DEPTH_MAX: Final = 64
"""How far below its root a repost may hang: a chain is split and shown whole."""


class Place(NamedTuple):
    """Where a post hangs: its root is itself, at depth 0, when it is no repost. `deleted`: it was, or its root.

    `authors` are its own and that of its root.
    """

    root_id: str
    depth: int
    deleted: bool = False
    authors: tuple[str, ...] = ()


class Repost(NamedTuple):
    """An edge of a tree, with the place of its child."""

    post_id: str
    parent_id: str
    root_id: str
    depth: int


def below(post_id: str, parent_id: str, places: Mapping[str, Place]) -> Repost | Refusal:
    """The edge of a new repost. A parent is older than its child: so no tree has a circle.

    >>> below("p-3", "p-2", {"p-2": Place("p-1", 1)})
    Repost(post_id='p-3', parent_id='p-2', root_id='p-1', depth=2)
    """
    parent = places.get(parent_id)
    if parent is None or parent_id == post_id:
        return Refusal("no_parent", f"there is no post {parent_id!r} to repost")
    if parent.deleted:
        return Refusal("parent_deleted", f"post {parent_id!r}, or what it reposts, was deleted: it cannot be reposted")
    if parent.depth >= DEPTH_MAX:
        return Refusal("too_deep", f"post {parent_id!r} is {parent.depth} reposts below its root: repost one above it")
    return Repost(post_id, parent_id, parent.root_id, parent.depth + 1)


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
