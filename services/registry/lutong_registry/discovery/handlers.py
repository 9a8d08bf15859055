"""A post appears: which service it leads to."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.feed import PostPublished
from lutong_registry.discovery import domain, store
from lutong_registry.search import store as search_store

handlers = Handlers()


@handlers.on(PostPublished)
async def discover_services(batch: Sequence[Received[PostPublished]], tx: Tx) -> list[Outgoing]:
    """A post appeared: find the service it leads to, by the author's choice or by its words."""
    posts = [received.event for received in batch]
    by_id = await search_store.listings(tx, (post.program_id for post in posts if post.program_id))
    by_words = await search_store.matches(tx, [post.text for post in posts if not post.program_id])

    outcomes = [domain.discover(post, by_id.get(post.program_id or ""), by_words.get(post.text, ())) for post in posts]

    await store.save_discoveries(tx, outcomes)
    return [received.causes(outcome) for received, outcome in zip(batch, outcomes, strict=True)]
