"""Apps that programs run in, as operators keep them. Pure: no clock, no database, no ids made here."""

from collections.abc import Sequence

from lutong_contracts import Event
from lutong_contracts.hosts import HostChanged, HostFacts, HostRegistered, HostRetired


def host_news(hosts: Sequence[HostFacts]) -> list[Event]:
    """The events of hosts as they are now."""
    return [
        (HostRetired if facts.retired_for else HostRegistered if facts.revision == 1 else HostChanged)(
            **facts.model_dump()
        )
        for facts in hosts
    ]


def put(known: HostFacts | None, wanted: HostFacts) -> HostFacts | None:
    """The host as it is to be; the same one again is as it was. None of one that is retired: it stays so, its clients are gone."""
    if known is None:
        return wanted
    if known.retired_for:
        return None
    after = wanted.model_copy(update={"revision": known.revision})
    return known if after == known else after.model_copy(update={"revision": known.revision + 1})


def retire(known: HostFacts, reason: str) -> HostFacts:
    """The host opens nothing any more. The first reason stays."""
    if known.retired_for:
        return known
    return known.model_copy(update={"retired_for": reason, "revision": known.revision + 1})
