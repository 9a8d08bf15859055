"""How services are used: each use is counted once. Openings and fulfilments are counted in releases, which watch them, too."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.feed import ServiceSolved
from lutong_registry.usage import store

handlers = Handlers()


@handlers.on(ServiceSolved)
async def count_solved(batch: Sequence[Received[ServiceSolved]], tx: Tx) -> list[Outgoing]:
    """A viewer got something done in a program: count it."""
    await store.count_usage(tx, batch, "solved")
    return []
