"""What programs may use, as the registry published it itself: it makes one whose database was lost know it again."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.hosts import CapabilitiesChanged
from lutong_registry.capabilities import store
from lutong_registry.capabilities.domain import Grants

handlers = Handlers()


@handlers.on(CapabilitiesChanged)
async def know_grants(batch: Sequence[Received[CapabilitiesChanged]], tx: Tx) -> list[Outgoing]:
    """An operator granted or revoked something."""
    events = [received.event for received in batch]
    await store.keep(tx, [Grants(e.program_id, frozenset(e.granted), e.enforced, e.revision) for e in events])
    return []
