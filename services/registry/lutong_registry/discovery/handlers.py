"""A post appears: which service it leads to."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.feed import CardTakenOff, PostDeleted, PostPublished, PostRevised
from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound
from lutong_registry.discovery import store, waiting
from lutong_registry.discovery.domain import decisions
from lutong_registry.discovery.waiting import WAITS_FOR, WaitingPost
from lutong_registry.embedding import store as embedding_store

handlers = Handlers()


@handlers.on(PostPublished)
async def discover_services(batch: Sequence[Received[PostPublished]], tx: Tx) -> list[Outgoing]:
    """A post appeared: find the service it leads to, by the author's choice or by its words."""
    return await _judge([received.event for received in batch], batch, tx)


@handlers.on(PostRevised)
async def judge_revised_posts(batch: Sequence[Received[PostRevised]], tx: Tx) -> list[Outgoing]:
    """An author edited a post: its words may lead elsewhere now. A wish for no card stays, and what was taken off or deleted."""
    reasons = await store.reasons(tx, (received.event.post_id for received in batch))
    left = [received for received in batch if reasons.get(received.event.post_id) not in decisions.FOR_GOOD]
    return await _judge([_as_published(received.event) for received in left], left, tx)


def _as_published(post: PostRevised) -> PostPublished:
    return PostPublished(
        post_id=post.post_id, author_id=post.author_id, text=post.text, rest=post.rest, program_id=post.program_id
    )


async def _judge(
    posts: Sequence[PostPublished], batch: Sequence[Received[PostPublished] | Received[PostRevised]], tx: Tx
) -> list[Outgoing]:
    """Where posts lead: each answer is caused by what was received of its post."""
    by_id = await store.listings(tx, (post.program_id for post in posts if post.program_id))
    asking = {post.whole: decisions.asking_in(post.whole) for post in posts if not post.program_id}
    by_words = await store.matches(tx, asking)
    possible = {*by_id, *(match.listing.program_id for matches in by_words.values() for match in matches)}
    embedding = await embedding_store.embedding(tx, possible, {post.author_id for post in posts})
    reasons = await store.reasons(tx, (post.post_id for post in posts))

    outcomes = [
        decisions.discover(post, by_id.get(post.program_id or ""), by_words.get(post.whole, ()), embedding)
        if reasons.get(post.post_id) != "deleted"
        else decisions.leads_nowhere(post)
        for post in posts
    ]

    await store.save_discoveries(tx, outcomes)
    judged = zip(posts, batch, outcomes, strict=True)
    await waiting.keep(tx, [waits for each in judged if (waits := _waiting(*each))])
    return [received.causes(outcome) for received, outcome in zip(batch, outcomes, strict=True)]


@handlers.on(CardTakenOff)
async def forget_cards_taken_off(batch: Sequence[Received[CardTakenOff]], tx: Tx) -> list[Outgoing]:
    """An author, a merchant or an operator took a card off: the post waits for no program, and leads nowhere."""
    await waiting.forget(tx, (received.event.post_id for received in batch), "taken_off")
    return []


@handlers.on(PostDeleted)
async def forget_deleted_posts(batch: Sequence[Received[PostDeleted]], tx: Tx) -> list[Outgoing]:
    """An author or an operator deleted a post: it waits for no program, and leads nowhere, also if it is published again."""
    await waiting.forget(tx, (received.event.post_id for received in batch), "deleted")
    return []


def _waiting(
    post: PostPublished,
    received: Received[PostPublished] | Received[PostRevised],
    outcome: ServiceDiscovered | ServiceNotFound,
) -> WaitingPost | None:
    """The post, if the program that its author chose may be there later."""
    if post.program_id is None or isinstance(outcome, ServiceDiscovered) or outcome.reason not in WAITS_FOR:
        return None
    cause = received.as_cause
    return WaitingPost(post.post_id, post.program_id, cause.correlation_id, cause.causation_id, post.author_id)
