"""Timelines are kept by steps of bounded size, each an event of the feed to itself: a follow, a post and a tier are moved on chunk by chunk.

None of them decides what a reader sees (reading/store.py): they only move follows from what is read slowly to what is read fast.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from lutong_chassis import Answer, Asked, Handlers, Outgoing, Problem, Received, Tx
from lutong_chassis.settings import settings_of
from lutong_contracts.timelines import (
    FanOutAsked,
    FollowMoved,
    TierChanged,
    TimelineFilled,
    TimelineOpened,
    TimelineUnread,
)
from lutong_feed.reposts import store as repost_store
from lutong_feed.settings import FeedSettings
from lutong_feed.timelines import domain, readers, store
from lutong_feed.timelines.domain import Edge, OpenTimeline, Thresholds, chunk_of
from lutong_feed.timelines.store import Step

_LOST_MAX: Final = 100
_FOLLOWS_MAX: Final = 200
"""Follows that one step moves: each may have hundreds of posts."""

handlers = Handlers()


@handlers.on(OpenTimeline)
async def open_timelines(batch: Sequence[Asked[OpenTimeline]], tx: Tx) -> list[Answer | Problem]:
    """Readers read. The first time on a day theirs is made or shortened; one that is made waits for not being read any more."""
    news = await readers.saw(tx, {asked.command.reader_id for asked in batch})
    for reader_id, is_new in sorted(news.items()):
        tx.publish(TimelineOpened(reader_id=reader_id))
        if is_new:
            tx.publish(TimelineUnread(reader_id=reader_id), due_at=tx.now + settings_of(FeedSettings).timeline_idle)
    return [Answer(None, changed=asked.command.reader_id in news) for asked in batch]


@handlers.on(FanOutAsked)
async def fan_out(batch: Sequence[Received[FanOutAsked]], tx: Tx) -> list[Outgoing]:
    """Posts are copied to the next of those who follow; what reached all of them is done. The first step looks at its author's tier."""
    await store.lock_authors(tx, {each.event.author_id for each in batch})
    steps = {Step(each.event.post_id, each.event.after): each for each in batch}
    most = chunk_of(len(steps))
    reached = await store.copy(tx, list(steps), most)
    on = {step: reached[step].last for step in steps if step in reached and reached[step].followers == most}
    await repost_store.count_quotes(tx, await store.mark_fanned(tx, [step.what for step in steps if step not in on]))
    await _move_tiers(tx, {each.event.author_id for each in batch if each.event.after is None})
    return [
        steps[step].causes(FanOutAsked(author_id=steps[step].event.author_id, post_id=step.what, after=last))
        for step, last in on.items()
    ]


async def _move_tiers(tx: Tx, author_ids: set[str]) -> None:
    """Authors who have come to more followers than posts are copied to, or to fewer, change their tier."""
    at = Thresholds(settings_of(FeedSettings).timeline_pull_from, settings_of(FeedSettings).timeline_push_below)
    counted = await store.followers(tx, author_ids, at.pull_from)
    tiers = domain.moved(counted, await store.pulled(tx, author_ids), at)
    if tiers:
        await store.save_tiers(tx, tiers)
        tx.publish(*(TierChanged(author_id=author_id, tier=tier) for author_id, tier in tiers.items()))


@handlers.on(TierChanged)
async def move_followers(batch: Sequence[Received[TierChanged]], tx: Tx) -> list[Outgoing]:
    """The next followers of authors are moved to their tier. What an author's tier is by now decides, not what it was."""
    await store.lock_authors(tx, {each.event.author_id for each in batch})
    now_pulled = await store.pulled(tx, [each.event.author_id for each in batch])
    steps = {
        Step(each.event.author_id, each.event.after): each
        for each in batch
        if (each.event.tier == "pull") == (each.event.author_id in now_pulled)
    }
    most = min(_FOLLOWS_MAX, chunk_of(len(steps)))
    away = await store.pull(tx, [step.what for step in steps if step.what in now_pulled], most)
    await store.forget(tx, away)
    edges = await store.next_followers(tx, [step for step in steps if step.what not in now_pulled], most)
    await store.merge(tx, edges, settings_of(FeedSettings).timeline_kept)
    moved = [*away, *edges]
    counts, last = Counter(edge.followee_id for edge in moved), {}
    for edge in sorted(moved):
        last[edge.followee_id] = edge.follower_id
    return [
        received.causes(TierChanged(author_id=step.what, tier=received.event.tier, after=last[step.what]))
        for step, received in steps.items()
        if counts[step.what] >= most
    ]


@handlers.on(FollowMoved)
async def move_follows(batch: Sequence[Received[FollowMoved]], tx: Tx) -> list[Outgoing]:
    """Readers follow authors, or do no more, as things are now: what they have of them is made so."""
    edges = {Edge(each.event.reader_id, each.event.author_id) for each in batch}
    await store.lock_authors(tx, {edge.followee_id for edge in edges})
    await store.merge(tx, edges, settings_of(FeedSettings).timeline_kept)
    await store.forget(tx, edges)
    return []


@handlers.on(TimelineOpened)
async def make_timelines(batch: Sequence[Received[TimelineOpened]], tx: Tx) -> list[Outgoing]:
    """Readers came: theirs are made, or shortened; then their follows are merged."""
    reader_ids, kept = {each.event.reader_id for each in batch}, settings_of(FeedSettings).timeline_kept
    await readers.make(tx, reader_ids, kept)
    await readers.shorten(tx, reader_ids, kept)
    return [each.causes(TimelineFilled(reader_id=each.event.reader_id)) for each in batch]


@handlers.on(TimelineFilled)
async def fill_timelines(batch: Sequence[Received[TimelineFilled]], tx: Tx) -> list[Outgoing]:
    """The next follows of readers are merged."""
    steps = {Step(each.event.reader_id, each.event.after): each for each in batch}
    most = min(_FOLLOWS_MAX, chunk_of(len(steps)))
    edges = await readers.next_pulled(tx, list(steps), most)
    await store.lock_authors(tx, {edge.followee_id for edge in edges})
    await store.merge(tx, edges, settings_of(FeedSettings).timeline_kept)
    counts = Counter(edge.follower_id for edge in edges)
    last = {edge.follower_id: edge.followee_id for edge in sorted(edges)}
    return [
        received.causes(TimelineFilled(reader_id=step.what, after=last[step.what]))
        for step, received in steps.items()
        if counts[step.what] >= most
    ]


@handlers.on(TimelineUnread)
async def drop_timelines(batch: Sequence[Received[TimelineUnread]], tx: Tx) -> list[Outgoing]:
    """Who has not read for long has no timeline until they come back; who has is looked at again later. Posts that were lost go on."""
    idle = settings_of(FeedSettings).timeline_idle
    for reader_id, seen_at in (await readers.drop(tx, [each.event.reader_id for each in batch], idle)).items():
        tx.publish(TimelineUnread(reader_id=reader_id), due_at=seen_at + idle)
    for author_id, post_id in await store.unfanned(tx, _LOST_MAX):
        tx.publish(FanOutAsked(author_id=author_id, post_id=post_id))
    return []
