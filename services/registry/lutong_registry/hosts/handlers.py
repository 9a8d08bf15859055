"""Hosts, as the registry published them itself: it makes one whose database was lost know them again."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.hosts import HostChanged, HostRegistered, HostRetired
from lutong_registry.hosts import store

handlers = Handlers()


@handlers.on(HostRegistered)
async def find_registered_hosts(batch: Sequence[Received[HostRegistered]], tx: Tx) -> list[Outgoing]:
    """A host is new."""
    await store.keep(tx, [received.event for received in batch])
    return []


@handlers.on(HostChanged)
async def find_changed_hosts(batch: Sequence[Received[HostChanged]], tx: Tx) -> list[Outgoing]:
    """A host can do other things."""
    await store.keep(tx, [received.event for received in batch])
    return []


@handlers.on(HostRetired)
async def find_retired_hosts(batch: Sequence[Received[HostRetired]], tx: Tx) -> list[Outgoing]:
    """A host is retired."""
    await store.keep(tx, [received.event for received in batch])
    return []
