"""What programs may use, as the registry publishes it."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.hosts import CapabilitiesChanged
from lutong_feed.grants import store

handlers = Handlers()


@handlers.on(CapabilitiesChanged)
async def know_grants(batch: Sequence[Received[CapabilitiesChanged]], tx: Tx) -> list[Outgoing]:
    """An operator granted or revoked something: cards that are read next are held to it."""
    await store.keep(tx, [received.event for received in batch])
    return []
