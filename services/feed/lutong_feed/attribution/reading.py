"""A funnel is read: the tree below a post, what was counted on it, and the orders that are credited to it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from lutong_chassis import Reads
from lutong_feed.attribution import domain, store
from lutong_feed.attribution.domain import ChainCredit, CountedAt, Funnel, Share, Stages
from lutong_feed.attribution.store import Counted, Credited
from lutong_feed.domain import Refusal
from lutong_feed.reposts import store as repost_store
from lutong_feed.reposts.domain import Repost

_EDGES_MAX: Final = 10_000
_COUNTED_AS: Final = {"impression": "impressions", "open": "opens", "tap": "taps"}


class Found(NamedTuple):
    """A funnel with what stands beside it."""

    funnel: Funnel
    currency: str | None
    credit: Share
    view_through: int


async def funnel_of(read: Reads, post_id: str) -> Found | Refusal:
    """The funnel of a post; a refusal when its tree is too wide, or its orders have several currencies."""
    edges = await repost_store.below(read, post_id, _EDGES_MAX + 1)
    if len(edges) > _EDGES_MAX:
        return Refusal("too_wide", f"more than {_EDGES_MAX} reposts are below post {post_id!r}: look at one below it")
    posts = [post_id, *(edge.post_id for edge in edges)]
    orders = await store.credited_to(read, posts)
    currencies = {order.currency for order in orders}
    if len(currencies) > 1:
        return Refusal("several_currencies", f"orders of post {post_id!r} are in {', '.join(sorted(currencies))}")
    above = await repost_store.above(read, [post_id])
    counted = [*_interactions(await store.interactions(read, posts)), *_orders(orders)]
    return Found(
        domain.funnel(post_id, edges, counted),
        next(iter(currencies), None),
        _share(post_id, [*above, *edges], orders),
        await store.views_of(read, posts),
    )


def _interactions(counted: Iterable[Counted]) -> Iterator[CountedAt]:
    for spot, kind, times in counted:
        if kind in _COUNTED_AS:
            yield CountedAt(spot, Stages(**{_COUNTED_AS[kind]: times}))


def _orders(orders: Iterable[Credited]) -> Iterator[CountedAt]:
    for spot, _, reached in orders:
        yield CountedAt(spot, reached.stages)


def _share(post_id: str, edges: Sequence[Repost], orders: Iterable[Credited]) -> Share:
    by_child = {edge.post_id: edge for edge in edges}
    return domain.share_of(post_id, (ChainCredit(domain.chain(o.spot.post_id, by_child), o.reached) for o in orders))
