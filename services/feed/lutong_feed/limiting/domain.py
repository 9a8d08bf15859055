"""Who may see a post, and who may change that. Pure: no clock, no database, no ids made here."""

from typing import Final, NamedTuple, get_args

from lutong_contracts.feed import PostAudience
from lutong_feed.domain import Refusal

AUDIENCES: Final[frozenset[str]] = frozenset(get_args(PostAudience))


class LimitPost(NamedTuple):
    """An author wants a post to be seen by some only, or by everybody again."""

    post_id: str
    audience: PostAudience


class LimitedPost(NamedTuple):
    """A post, and who sees it."""

    post_id: str
    author_id: str
    audience: str
    deleted: bool
    correlation_id: str
    causation_id: str | None


def known(audience: str) -> str:
    """An audience that this release knows. A word of a later one may mean any few: until it is known, the author alone.

    >>> known("followers"), known("close_friends")
    ('followers', 'only_me')
    """
    return audience if audience in AUDIENCES else "only_me"


def limit(wanted: LimitPost, post: LimitedPost | None, *, may: bool) -> LimitedPost | Refusal:
    """The post with its new audience; as it is, when it has that one already."""
    if post is None or not may:
        return Refusal("not_found", f"there is no post {wanted.post_id!r}")
    if post.deleted:
        return Refusal("deleted", f"post {wanted.post_id!r} was deleted: nobody sees it")
    return post._replace(audience=wanted.audience)
