"""Posts that are published, over HTTP or as events of other systems, and who follows whom; in batches."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from lutong_chassis import Answer, Asked, Cause, Handlers, Problem, Tx
from lutong_chassis.http.accepting import Sent
from lutong_contracts.feed import AccountFollowed, AccountUnfollowed, PostPublished
from lutong_contracts.timelines import FanOutAsked
from lutong_feed import accounts, on_record, store
from lutong_feed.apart import store as apart_store
from lutong_feed.apart.domain import Pair
from lutong_feed.domain import FollowRow, Refusal, StoredPost
from lutong_feed.publishing import domain
from lutong_feed.publishing.domain import Above, Follow, PublishPost, Unfollow
from lutong_feed.quotes import store as quote_store
from lutong_feed.quotes.domain import Quote
from lutong_feed.reposts import store as repost_store
from lutong_feed.reposts.domain import Repost

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
    edges = [domain.edge_of(post, above) for post, _ in wanted if post.post_id in fresh]
    await repost_store.save(tx, [edge for edge in edges if isinstance(edge, Repost)])
    quotes = [domain.quote_of(post, above) for post, _ in wanted if post.post_id in fresh]
    await quote_store.save(tx, [quote for quote in quotes if isinstance(quote, Quote)])
    for place, (post, cause) in enumerate(posts):
        if place in refusals:
            continue
        if post.post_id in fresh:
            tx.publish(post, cause=cause)
            tx.publish(FanOutAsked(author_id=post.author_id, post_id=post.post_id), cause=Cause(tx.new_id()))
        else:
            refusals[place] = domain.known_before(post)
    return [_refused(refusals[place]) if place in refusals else None for place in range(len(posts))]


async def above_of(tx: Tx, posts: Sequence[PostPublished]) -> Above:
    """What the reposts among posts are hung below, and what posts quote."""
    wanted = [(post.author_id, other_id) for post in posts for other_id in (post.parent_id, post.quote_id) if other_id]
    places = await repost_store.places(tx, {other_id for _, other_id in wanted})
    pairs = [Pair(author, other) for author, above in wanted if above in places for other in places[above].authors]
    return Above(places, await apart_store.blocked(tx, pairs))


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
