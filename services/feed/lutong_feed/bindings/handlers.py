"""What members answered viewers that want to order as them, as membership publishes it."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.membership import AccountBound, AccountUnbound
from lutong_feed.bindings import store
from lutong_feed.bindings.store import Asking

handlers = Handlers()


@handlers.on(AccountBound)
async def bind_viewers(batch: Sequence[Received[AccountBound]], tx: Tx) -> list[Outgoing]:
    """Members consented: requests of those viewers name them from now on."""
    await store.bind(tx, [Asking(r.event.viewer_id, r.event.binding_id) for r in batch])
    return []


@handlers.on(AccountUnbound)
async def unbind_viewers(batch: Sequence[Received[AccountUnbound]], tx: Tx) -> list[Outgoing]:
    """Bindings ended: requests of those viewers are their own again."""
    await store.unbind(tx, [Asking(r.event.viewer_id, r.event.binding_id) for r in batch])
    return []
