"""Which posts may be published, and who may follow whom. Pure: no clock, no database, no ids made here."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from lutong_contracts.feed import PostPublished
from lutong_feed.apart.domain import Pair
from lutong_feed.domain import Refusal
from lutong_feed.reposts.domain import Place, Quote, Repost, below, quoting
from lutong_feed.texts.domain import why_unpublished as why_text_unpublished

_DONE: Final = {"repost": "reposted", "quote": "quoted", "follow": "followed"}


class PublishPost(NamedTuple):
    """An author publishes a post, whose id is an author's choice or a fresh one."""

    post: PostPublished


class Follow(NamedTuple):
    """An account follows another one."""

    follower_id: str
    followee_id: str


class Unfollow(NamedTuple):
    """An account follows another one no more."""

    follower_id: str
    followee_id: str


class Above(NamedTuple):
    """What reposts are hung below, and what is quoted: their places, and which pairs of accounts are kept apart by a block."""

    places: Mapping[str, Place]
    blocked: Collection[Pair] = ()


def why_unpublished(posts: Sequence[PostPublished], authors: Collection[str], above: Above) -> Mapping[int, Refusal]:
    """Why posts of a batch cannot be published, by place: their author is unknown, one before has their id, what they
    repost is not there, or their text is too long. A repost of a post in the same batch comes too early."""
    refusals: dict[int, Refusal] = {}
    seen: set[str] = set()
    for place, post in enumerate(posts):
        if post.author_id not in authors:
            refusals[place] = no_account(post.author_id)
        elif post.post_id in seen:
            refusals[place] = known_before(post)
        elif misplaced := why_misplaced(post, above):
            refusals[place] = misplaced
        elif wrong := why_text_unpublished(post.whole):
            refusals[place] = wrong
        else:
            seen.add(post.post_id)
    return refusals


def edge_of(post: PostPublished, above: Above) -> Repost | Refusal | None:
    """Where a repost hangs; None for a post that is none. Nobody reposts, or quotes, who is kept apart from them."""
    if post.parent_id is None:
        return None
    parent = above.places.get(post.parent_id)
    if parent and not parent.deleted and any(Pair(post.author_id, other) in above.blocked for other in parent.authors):
        return kept_apart("repost", post.parent_id)
    return below(post.post_id, post.parent_id, above.places)


def quote_of(post: PostPublished, above: Above) -> Quote | Refusal | None:
    """What a post quotes; None for one that quotes nothing."""
    if post.quote_id is None:
        return None
    if post.parent_id is not None:
        return Refusal("reposts_and_quotes", "a post reposts another one or quotes it: leave parent_id or quote_id out")
    quoted = above.places.get(post.quote_id)
    if quoted and not quoted.deleted and any(Pair(post.author_id, other) in above.blocked for other in quoted.authors):
        return kept_apart("quote", post.quote_id)
    return quoting(post.post_id, post.quote_id, above.places)


def why_misplaced(post: PostPublished, above: Above) -> Refusal | None:
    """Why a post cannot hang, or show, where it wants to."""
    return next((each for each in (edge_of(post, above), quote_of(post, above)) if isinstance(each, Refusal)), None)


def kept_apart(verb: str, what: str) -> Refusal:
    """Two accounts of which one blocks the other; which one is not stated."""
    return Refusal("kept_apart", f"{what!r} cannot be {_DONE[verb]}: you and its account are kept apart by a block")


def known_before(post: PostPublished) -> Refusal:
    """An id is a post's for good."""
    return Refusal("post_exists", f"post {post.post_id!r} is published already")


def no_account(account_id: str) -> Refusal:
    """An account that does not exist, or is not the caller's."""
    return Refusal("not_found", f"there is no account {account_id!r}")


def why_not_follow(follow: Follow, accounts: Collection[str], blocked: Collection[Pair] = ()) -> Refusal | None:
    """Why an account cannot follow another one."""
    if follow.follower_id == follow.followee_id:
        return Refusal("follows_itself", f"account {follow.follower_id!r} cannot follow itself")
    unknown = next((name for name in sorted(follow) if name not in accounts), None)
    if unknown:
        return no_account(unknown)
    return kept_apart("follow", follow.followee_id) if Pair(*follow) in blocked else None
