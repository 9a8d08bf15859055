"""What the feed reacts to, in the order of the story."""

from collections.abc import Sequence

from lutong_chassis import Cause, Handlers, Outgoing, Received, Tx
from lutong_chassis.http.accepting import accept
from lutong_contracts.feed import InteractionsReported, PostPublished, PostRefused
from lutong_contracts.inventory import OrderCancelled, OrderFulfilled, OrderRejected, OrderSourced
from lutong_contracts.membership import CreditDeclined
from lutong_contracts.registry import (
    ProgramResumed,
    ProgramSuspended,
    ServiceDiscovered,
    ServiceNotFound,
    VersionApproved,
    VersionReleased,
    VersionRolledBack,
)
from lutong_contracts.timelines import FanOutAsked
from lutong_feed import accounts, arrivals, domain, store
from lutong_feed.apart import handlers as apart
from lutong_feed.attribution import handlers as attribution
from lutong_feed.bindings import handlers as bindings
from lutong_feed.deleting import handlers as deleting
from lutong_feed.domain import Refusal, RequestMove, Resolution, StoredPost, Suspension
from lutong_feed.drafts import handlers as drafts
from lutong_feed.engagements import handlers as engagements
from lutong_feed.engagements import store as engagement_store
from lutong_feed.grants import handlers as grants
from lutong_feed.gray import handlers as gray
from lutong_feed.hosts import handlers as hosts
from lutong_feed.interactions import handlers as interactions
from lutong_feed.limiting import handlers as limiting
from lutong_feed.live import handlers as live
from lutong_feed.offers import handlers as offers
from lutong_feed.promotions import handlers as promotions
from lutong_feed.publishing import handlers as publishing
from lutong_feed.publishing.domain import edge_of, quote_of
from lutong_feed.reposts import store as repost_store
from lutong_feed.reposts.domain import Quote, Repost
from lutong_feed.revising import handlers as revising
from lutong_feed.store import VersionRow
from lutong_feed.texts.domain import why_unpublished
from lutong_feed.timelines import handlers as timelines

handlers = Handlers()
handlers.include(apart.handlers)
handlers.include(attribution.handlers)
handlers.include(bindings.handlers)
handlers.include(deleting.handlers)
handlers.include(drafts.handlers)
handlers.include(engagements.handlers)
handlers.include(grants.handlers)
handlers.include(gray.handlers)
handlers.include(hosts.handlers)
handlers.include(interactions.handlers)
handlers.include(limiting.handlers)
handlers.include(live.handlers)
handlers.include(offers.handlers)
handlers.include(promotions.handlers)
handlers.include(publishing.handlers)
handlers.include(revising.handlers)
handlers.include(timelines.handlers)
accept(handlers, {PostPublished: publishing.take_posts, InteractionsReported: interactions.take_interactions})


@handlers.on(PostPublished)
async def take_in_posts(batch: Sequence[Received[PostPublished]], tx: Tx) -> list[Outgoing]:
    """Another publisher put a post on our topic: keep it with its card, as over HTTP, or answer why not."""
    posts = [StoredPost(e.post_id, e.author_id, e.whole, e.program_id) for e in (received.event for received in batch)]
    authors = await accounts.known(tx, (post.author_id for post in posts))
    journeys = {post.post_id: (post, received) for post, received in reversed(list(zip(posts, batch, strict=True)))}
    hung = await _hung(tx, [received.event for _, received in journeys.values()])
    wanted = [
        (post, r.cause.correlation_id)
        for post, r in journeys.values()
        if post.author_id in authors and not _why_refused(post, hung[post.post_id])
    ]

    await tx.lock("card", (post.post_id for post, _ in wanted))
    fresh = await store.save_posts(tx, [post for post, _ in wanted], [journey for _, journey in wanted])
    await publishing.limit(tx, [r.event for post, r in journeys.values() if post.post_id in fresh])
    new = [each for post_id in hung if post_id in fresh for each in hung[post_id]]
    await repost_store.save(tx, [each for each in new if isinstance(each, Repost)])
    await repost_store.save_quotes(tx, [each for each in new if isinstance(each, Quote)])
    for post, _ in wanted:
        if post.post_id in fresh:
            tx.publish(FanOutAsked(author_id=post.author_id, post_id=post.post_id), cause=Cause(tx.new_id()))
    await _resolve(tx, await arrivals.take_resolutions(tx, fresh))

    stored = await arrivals.posts(tx, (post.post_id for post in posts))
    outcomes = [
        (received, domain.refused(post, authors, stored, _why_refused(post, hung[post.post_id])))
        for post, received in zip(posts, batch, strict=True)
    ]
    return [
        received.causes(PostRefused(post_id=received.event.post_id, author_id=received.event.author_id, reason=reason))
        for received, reason in outcomes
        if reason
    ]


Hung = Repost | Quote | Refusal | None
"""Where a post hangs or what it quotes, why it cannot; None for a post that does neither."""


async def _hung(tx: Tx, published: Sequence[PostPublished]) -> dict[str, tuple[Hung, ...]]:
    """Where the reposts among posts hang, what posts quote, or why they cannot."""
    above = await publishing.above_of(tx, published)
    return {event.post_id: (edge_of(event, above), quote_of(event, above)) for event in published}


def _why_refused(post: StoredPost, hung: Sequence[Hung]) -> str | None:
    refusal = next((each for each in hung if isinstance(each, Refusal)), None) or why_unpublished(post.text)
    return refusal.kind if refusal else None


@handlers.on(VersionReleased)
async def show_released_version(batch: Sequence[Received[VersionReleased]], tx: Tx) -> list[Outgoing]:
    """A version is in force: cards show it and sell at its prices."""
    await store.save_programs(tx, [received.event for received in batch])
    await hosts.cover(tx, [received.event for received in batch])
    return []


@handlers.on(VersionRolledBack)
async def show_earlier_version(batch: Sequence[Received[VersionRolledBack]], tx: Tx) -> list[Outgoing]:
    """An earlier version is in force again."""
    await store.save_programs(tx, [received.event for received in batch])
    return []


@handlers.on(VersionApproved)
async def recommend_approved_version(batch: Sequence[Received[VersionApproved]], tx: Tx) -> list[Outgoing]:
    """The second audit found nothing wrong: placements may recommend the program, if this version is in force."""
    await store.save_approved(tx, [VersionRow(r.event.program_id, r.event.version) for r in batch])
    return []


@handlers.on(ProgramSuspended)
async def close_cards(batch: Sequence[Received[ProgramSuspended]], tx: Tx) -> list[Outgoing]:
    """A program may not be opened: every card that leads to it is unavailable."""
    await store.save_suspensions(tx, [Suspension(r.event.program_id, r.event.reason) for r in batch])
    return []


@handlers.on(ProgramResumed)
async def reopen_cards(batch: Sequence[Received[ProgramResumed]], tx: Tx) -> list[Outgoing]:
    """A program may be opened again, and so may its cards."""
    await store.save_suspensions(tx, [Suspension(r.event.program_id) for r in batch])
    return []


@handlers.on(ServiceDiscovered)
async def activate_cards(batch: Sequence[Received[ServiceDiscovered]], tx: Tx) -> list[Outgoing]:
    """A post leads to a service: its card can be tapped, unless the service was suspended meanwhile."""
    found = [Resolution(r.event.post_id, r.event.program_id, r.event.merchant_id, None, r.id) for r in batch]
    await _resolve(tx, found)
    return []


@handlers.on(ServiceNotFound)
async def close_cards_without_service(batch: Sequence[Received[ServiceNotFound]], tx: Tx) -> list[Outgoing]:
    """A post leads to no service: its card shows why."""
    await _resolve(tx, [Resolution(r.event.post_id, None, None, r.event.reason, r.id) for r in batch])
    return []


@handlers.on(CreditDeclined)
async def show_declined(batch: Sequence[Received[CreditDeclined]], tx: Tx) -> list[Outgoing]:
    """No credit: the request ended before an order came of it."""
    await store.move_requests(tx, "declined", [RequestMove(r.event.order_id, r.event.reason) for r in batch])
    return []


@handlers.on(OrderSourced)
async def show_sourced(batch: Sequence[Received[OrderSourced]], tx: Tx) -> list[Outgoing]:
    """A location has the goods for the request; it may be another one than before."""
    latest = {r.event.order_id: _at_location(r.event) for r in batch}
    await store.move_requests(tx, "sourced", list(latest.values()))
    await attribution.reach(tx, "sourced", batch)
    return []


@handlers.on(OrderRejected)
async def show_rejected(batch: Sequence[Received[OrderRejected]], tx: Tx) -> list[Outgoing]:
    """No location has the goods for the request."""
    await store.move_requests(tx, "rejected", [RequestMove(r.event.order_id, r.event.reason) for r in batch])
    return []


@handlers.on(OrderFulfilled)
async def close_the_loop(batch: Sequence[Received[OrderFulfilled]], tx: Tx) -> list[Outgoing]:
    """The viewer has what the post was about: count it on the post."""
    moves = [_at_location(r.event) for r in batch]
    moved = await store.move_requests(tx, "fulfilled", moves)
    await engagement_store.count(tx, "fulfilled", [row["post_id"] for row in moved])
    await attribution.reach(tx, "fulfilled", batch)
    return []


@handlers.on(OrderCancelled)
async def show_cancelled(batch: Sequence[Received[OrderCancelled]], tx: Tx) -> list[Outgoing]:
    """The order ended before the goods left."""
    await store.move_requests(tx, "cancelled", [RequestMove(r.event.order_id, r.event.reason) for r in batch])
    await attribution.reach(tx, "cancelled", batch)
    return []


def _at_location(event: OrderSourced | OrderFulfilled) -> RequestMove:
    return RequestMove(event.order_id, location_id=event.location_id, location_kind=event.location_kind)


async def _resolve(tx: Tx, found: Sequence[Resolution]) -> None:
    """Resolve cards, and keep what came before its post: a post of another publisher is on its way to both of us."""
    suspended = await store.suspensions(tx, (each.program_id for each in found if each.program_id))
    early = found
    for look in range(2):
        placed = await store.resolve_cards(tx, [domain.resolved(each, suspended) for each in early])
        early = [each for each in early if each.post_id not in placed]
        if early and not look:
            await tx.lock("card", (each.post_id for each in early))  # and look again: the post may have come just now
    if early:
        await arrivals.keep_resolutions(tx, early)
