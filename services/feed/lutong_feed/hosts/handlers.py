"""Apps that programs run in, and versions that some of them have of their own: one row each, whatever number of cards."""

from collections.abc import Callable, Iterable, Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.hosts import NOTHING, HostChanged, HostRegistered, HostRetired, Needs
from lutong_contracts.registry import VersionForcedOffline, VersionHosted, VersionReleased, VersionUnhosted
from lutong_feed.hosts import store
from lutong_feed.hosts.domain import Hosted, added, is_covered
from lutong_feed.hosts.store import OfProgram
from lutong_feed.store import VersionRow, end_gray

handlers = Handlers()


@handlers.on(HostRegistered)
async def know_registered_hosts(batch: Sequence[Received[HostRegistered]], tx: Tx) -> list[Outgoing]:
    """An app may run programs. Each event has the whole of it: the first that comes may be a later one."""
    await store.keep(tx, [received.event for received in batch])
    return []


@handlers.on(HostChanged)
async def know_changed_hosts(batch: Sequence[Received[HostChanged]], tx: Tx) -> list[Outgoing]:
    """An app can do other things: cards that need them open, or state why not, when they are read next."""
    await store.keep(tx, [received.event for received in batch])
    return []


@handlers.on(HostRetired)
async def know_retired_hosts(batch: Sequence[Received[HostRetired]], tx: Tx) -> list[Outgoing]:
    """An app opens nothing any more."""
    await store.keep(tx, [received.event for received in batch])
    return []


@handlers.on(VersionHosted)
async def show_hosted_versions(batch: Sequence[Received[VersionHosted]], tx: Tx) -> list[Outgoing]:
    """Some hosts have a version of their own: their readers' cards show it, and sell at its prices. It was in gray, perhaps."""
    events = [received.event for received in batch]
    known = await store.lock_hosted(tx, (event.program_id for event in events))
    for event in events:
        of = known.get(event.program_id, OfProgram())
        sold = {**of.offers, str(event.version): [offer.model_dump() for offer in event.offers]}
        known[event.program_id] = OfProgram(added(of.hosted, Hosted.of(event)), sold)
    await store.save_hosted(tx, known, {event.program_id: event.merchant_id for event in events})
    await end_gray(tx, (VersionRow(event.program_id, event.version) for event in events))
    return []


@handlers.on(VersionUnhosted)
async def hide_unhosted_versions(batch: Sequence[Received[VersionUnhosted]], tx: Tx) -> list[Outgoing]:
    """A version that some hosts had of their own was taken back."""
    await drop(tx, [received.event for received in batch])
    return []


async def drop(tx: Tx, ended: Sequence[VersionUnhosted | VersionForcedOffline]) -> None:
    """Hosts have these versions of their own no more."""
    gone = {(event.program_id, event.version) for event in ended}
    await _keep_those(tx, {event.program_id for event in ended}, lambda key, each: (key, each.version) not in gone)


async def cover(tx: Tx, released: Sequence[VersionReleased]) -> None:
    """Versions were released: what hosts had of their own and these are for, too, is passed over, as it is in the registry."""
    needs: dict[str, list[Needs]] = {}
    for event in released:
        needs.setdefault(event.program_id, []).append(event.needs or NOTHING)
    await _keep_those(tx, needs, lambda key, each: not any(is_covered(each, of) for of in needs[key]))


async def _keep_those(tx: Tx, program_ids: Iterable[str], stays: Callable[[str, Hosted], bool]) -> None:
    known = await store.lock_hosted(tx, program_ids)
    changed = {
        key: OfProgram(left, of.offers)
        for key, of in known.items()
        if len(left := tuple(each for each in of.hosted if stays(key, each))) < len(of.hosted)
    }
    if changed:
        await store.save_hosted(tx, changed, {})
