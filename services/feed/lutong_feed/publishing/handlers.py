"""Posts that are published, over HTTP or as events of other systems, and who follows whom; in batches."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from lutong_chassis import Answer, Asked, Cause, Handlers, Outgoing, Problem, Received, Tx
from lutong_chassis.http.accepting import Sent
from lutong_contracts.feed import AccountFollowed, AccountUnfollowed, PostPublished
from lutong_contracts.timelines import DraftDue, FanOutAsked
from lutong_feed import accounts, on_record, store
from lutong_feed.apart import store as apart_store
from lutong_feed.apart.domain import Pair
from lutong_feed.domain import FollowRow, Refusal, StoredPost
from lutong_feed.drafts import store as draft_store
from lutong_feed.drafts.domain import Draft, DraftName, PublishDraft
from lutong_feed.drafts.store import RefusedDraft
from lutong_feed.limiting import domain as audiences
from lutong_feed.limiting import store as limiting_store
from lutong_feed.limiting.store import AudienceRow
from lutong_feed.publishing import domain
from lutong_feed.publishing.domain import Above, Follow, PublishPost, Unfollow
from lutong_feed.reposts import store as repost_store
from lutong_feed.reposts.domain import Quote, Repost

_STATUS: Final = {
    "not_found": 404,
    "follows_itself": 422,
    "too_deep": 422,
    "no_parent": 422,
    "parent_deleted": 422,
    "no_quoted": 422,
    "quoted_deleted": 422,
    "reposts_and_quotes": 422,
    "too_long": 422,
    "piled_up": 422,
}

handlers = Handlers()


class OnJourney(NamedTuple):
    """A post to publish, and the cause that puts it on its journey."""

    post: PostPublished
    cause: Cause


@handlers.on(PublishPost)
async def publish_posts(batch: Sequence[Asked[PublishPost]], tx: Tx) -> list[Answer | Problem]:
    """Authors publish posts; their cards resolve shortly after."""
    verdicts = await publish(tx, [OnJourney(asked.command.post, asked.cause) for asked in batch])
    return [refusal or _published(asked) for asked, refusal in zip(batch, verdicts, strict=True)]


def _published(asked: Asked[PublishPost]) -> Answer:
    post = asked.command.post
    record = on_record.posts_published([post]) if asked.who.is_staff else ()
    return Answer({"post_id": post.post_id, "journey": asked.cause.correlation_id}, record=list(record))


async def take_posts(batch: Sequence[Sent[PostPublished]], tx: Tx) -> list[Problem | None]:
    """Publish posts that other services sent as events, each on the journey that it is on there."""
    theirs = [sent for sent in batch if sent.who.acts_for(member=sent.event.author_id)]
    verdicts = iter(await publish(tx, [OnJourney(sent.event, sent.received.as_cause) for sent in theirs]))
    return [
        next(verdicts)
        if sent.who.acts_for(member=sent.event.author_id)
        else _refused(domain.no_account(sent.event.author_id))
        for sent in batch
    ]


async def publish(tx: Tx, posts: Sequence[OnJourney]) -> list[Problem | None]:
    """Publish posts, each with its cause; gives for each why it is not published, or None."""
    authors = await accounts.known(tx, {post.author_id for post, _ in posts})
    above = await above_of(tx, [post for post, _ in posts])
    refusals = dict(domain.why_unpublished([post for post, _ in posts], authors, above))
    wanted = [each for place, each in enumerate(posts) if place not in refusals]
    rows = [StoredPost(post.post_id, post.author_id, post.whole, post.program_id) for post, _ in wanted]
    fresh = await store.save_posts(tx, rows, [cause.correlation_id for _, cause in wanted])
    await limit(tx, [post for post, _ in wanted if post.post_id in fresh])
    edges = [domain.edge_of(post, above) for post, _ in wanted if post.post_id in fresh]
    await repost_store.save(tx, [edge for edge in edges if isinstance(edge, Repost)])
    quotes = [domain.quote_of(post, above) for post, _ in wanted if post.post_id in fresh]
    await repost_store.save_quotes(tx, [quote for quote in quotes if isinstance(quote, Quote)])
    for place, (post, cause) in enumerate(posts):
        if place in refusals:
            continue
        if post.post_id in fresh:
            tx.publish(post, cause=cause)
            tx.publish(FanOutAsked(author_id=post.author_id, post_id=post.post_id), cause=Cause(tx.new_id()))
        else:
            refusals[place] = domain.known_before(post)
    return [_refused(refusals[place]) if place in refusals else None for place in range(len(posts))]


async def limit(tx: Tx, posts: Sequence[PostPublished]) -> None:
    """Posts that are not for everybody from the beginning."""
    rows = [AudienceRow(post.post_id, audiences.known(post.audience)) for post in posts if post.audience != "everybody"]
    await limiting_store.save(tx, rows)


async def above_of(tx: Tx, posts: Sequence[PostPublished]) -> Above:
    """What the reposts among posts are hung below, and what posts quote."""
    wanted = [(post.author_id, other_id) for post in posts for other_id in (post.parent_id, post.quote_id) if other_id]
    places = await repost_store.places(tx, {other_id for _, other_id in wanted})
    pairs = [Pair(author, other) for author, above in wanted if above in places for other in places[above].authors]
    return Above(places, await apart_store.blocked(tx, pairs))


class Ready(NamedTuple):
    """A draft to publish, and what it follows from."""

    draft: Draft
    cause: Cause


@handlers.on(PublishDraft)
async def publish_drafts(batch: Sequence[Asked[PublishDraft]], tx: Tx) -> list[Answer | Problem]:
    """Authors publish drafts now, whatever time they were scheduled for."""
    drafts = await draft_store.lock(tx, [DraftName(*asked.command) for asked in batch])
    first = {DraftName(*asked.command): asked for asked in reversed(batch)}
    ready = [Ready(draft, first[name].cause) for name, draft in drafts.items()]
    verdicts = dict(zip(drafts, await _publish_drafts(tx, ready), strict=True))
    return [
        _draft_answered(asked, verdicts.get(name), is_first=first[name] is asked and name in drafts)
        for asked in batch
        for name in [DraftName(*asked.command)]
    ]


def _draft_answered(asked: Asked[PublishDraft], refusal: Problem | None, *, is_first: bool) -> Answer | Problem:
    draft_id = asked.command.draft_id
    if not is_first:
        return Problem(404, "not_found", f"there is no draft {draft_id!r}")
    return refusal or Answer({"post_id": draft_id, "journey": asked.cause.correlation_id})


@handlers.on(DraftDue)
async def publish_scheduled(batch: Sequence[Received[DraftDue]], tx: Tx) -> list[Outgoing]:
    """The time of drafts has come: those that are still scheduled for it are published, once, however late. What is refused waits."""
    due = {DraftName(each.event.author_id, each.event.draft_id): each for each in batch}
    drafts = await draft_store.lock(tx, due)
    at = {name: each.event.publish_at for name, each in due.items()}
    ready = [Ready(draft, due[name].cause) for name, draft in drafts.items() if draft.publish_at == at[name]]
    verdicts = zip(ready, await _publish_drafts(tx, ready), strict=True)
    await draft_store.refuse(tx, [RefusedDraft(*each.draft.name, why.kind) for each, why in verdicts if why])
    return []


async def _publish_drafts(tx: Tx, ready: Sequence[Ready]) -> list[Problem | None]:
    """Publish drafts; those that are published are drafts no more. Gives for each why it is not."""
    verdicts = await publish(tx, [OnJourney(each.draft.as_post, each.cause) for each in ready])
    await draft_store.drop(tx, [each.draft.name for each, why in zip(ready, verdicts, strict=True) if not why])
    return verdicts


@handlers.on(Follow)
async def follow(batch: Sequence[Asked[Follow]], tx: Tx) -> list[Answer | Problem]:
    """Accounts follow others."""
    known = await accounts.known(tx, {name for asked in batch for name in asked.command})
    blocked = await apart_store.blocked(tx, [Pair(*asked.command) for asked in batch])
    refusals = [domain.why_not_follow(asked.command, known, blocked) for asked in batch]
    wanted = [FollowRow(*a.command) for a, refusal in zip(batch, refusals, strict=True) if not refusal]
    tx.publish(*accounts.changes(await accounts.save_follows(tx, wanted), AccountFollowed))
    return [_refused(refusal) if refusal else _follows(asked) for asked, refusal in zip(batch, refusals, strict=True)]


def _follows(asked: Asked[Follow]) -> Answer:
    return Answer(None, record=list(on_record.follows_added([asked.command])) if asked.who.is_staff else ())


@handlers.on(Unfollow)
async def unfollow(batch: Sequence[Asked[Unfollow]], tx: Tx) -> list[Answer | Problem]:
    """Accounts follow others no more."""
    dropped = await accounts.drop_follows(tx, [FollowRow(*asked.command) for asked in batch])
    tx.publish(*accounts.changes(dropped, AccountUnfollowed))
    return [
        Answer(None, record=[on_record.follow_removed(asked.command)] if asked.who.is_staff else ()) for asked in batch
    ]


def _refused(refusal: Refusal) -> Problem:
    return Problem(_STATUS.get(refusal.kind, 409), refusal.kind, refusal.detail)
