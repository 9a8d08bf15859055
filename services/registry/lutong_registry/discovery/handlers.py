"""A post appears: which service it leads to."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.feed import PostPublished
from lutong_registry.discovery import store
from lutong_registry.discovery.domain import decisions
from lutong_registry.discovery.domain.posts import sentences_in
from lutong_registry.embedding import store as embedding_store

handlers = Handlers()


@handlers.on(PostPublished)
async def discover_services(batch: Sequence[Received[PostPublished]], tx: Tx) -> list[Outgoing]:
    """A post appeared: find the service it leads to, by the author's choice or by its words."""
    posts = [received.event for received in batch]
    by_id = await store.listings(tx, (post.program_id for post in posts if post.program_id))
    asking = {post.text: sentences_in(post.text) for post in posts if not post.program_id}
    by_words = await store.matches(tx, asking)
    possible = {*by_id, *(match.listing.program_id for matches in by_words.values() for match in matches)}
    embedding = await embedding_store.embedding(tx, possible, {post.author_id for post in posts})

    outcomes = [
        decisions.discover(
            post, by_id.get(post.program_id or ""), by_words.get(post.text, ()), sentences_in(post.text), embedding
        )
        for post in posts
    ]

    await store.save_discoveries(tx, outcomes)
    return [received.causes(outcome) for received, outcome in zip(batch, outcomes, strict=True)]
