"""Versions that some viewers see first, and versions that nobody may see any more."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.registry import VersionForcedOffline, VersionGrayed, VersionGrayStopped
from lutong_feed.gray import store
from lutong_feed.hosts import handlers as hosts
from lutong_feed.store import VersionRow, end_gray

handlers = Handlers()


@handlers.on(VersionGrayed)
async def show_version_in_gray(batch: Sequence[Received[VersionGrayed]], tx: Tx) -> list[Outgoing]:
    """A version is for some viewers: their cards show it and sell at its prices."""
    await store.show(tx, [received.event for received in batch])
    return []


@handlers.on(VersionGrayStopped)
async def show_control_again(batch: Sequence[Received[VersionGrayStopped]], tx: Tx) -> list[Outgoing]:
    """A version in gray was taken back: all cards show the released one."""
    await end_gray(tx, (VersionRow(r.event.program_id, r.event.version) for r in batch))
    return []


@handlers.on(VersionForcedOffline)
async def close_forbidden_versions(batch: Sequence[Received[VersionForcedOffline]], tx: Tx) -> list[Outgoing]:
    """A version is forbidden: cards that opened it show why, until another one is released."""
    forbidden = [received.event for received in batch]
    await end_gray(tx, (VersionRow(event.program_id, event.version) for event in forbidden))
    await store.forbid(tx, forbidden)
    await hosts.drop(tx, forbidden)
    return []
