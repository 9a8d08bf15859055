"""Versions that some hosts have of their own: at most one is in force in each, and the feed shows the same one."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

import pytest

from lutong_contracts import Event
from lutong_contracts.gray import Viewing
from lutong_contracts.hosts import HostCapability, HostFacts, Needs, OnHost
from lutong_contracts.registry import (
    VersionForcedOffline,
    VersionHosted,
    VersionReleased,
    VersionRolledBack,
    VersionUnhosted,
)
from lutong_feed.gray.domain import Others, Shown, shown
from lutong_feed.hosts import domain as feed
from lutong_feed.hosts.domain import Hosted
from lutong_registry.hosts import domain
from lutong_registry.programs import domain as programs
from lutong_registry.programs import hosting
from lutong_registry.programs.domain import Change, Program, Refusal, Version
from lutong_registry.releases.domain import force_offline, take_back
from tests.unit.registry.test_programs import a_program, a_version, after

HOSTS: Final = ("alipay", "amap", "weibo")


def for_hosts(version: Version, *hosts: str) -> Version:
    return replace(version, needs=Needs(hosts=hosts or None))


def a_host(host_id: str = "amap", **able: int) -> HostFacts:
    capabilities = tuple(HostCapability(capability=name, platform_version=number) for name, number in able.items())
    return HostFacts(host_id=host_id, title_zh="高德", title_en="Amap", revision=1, capabilities=capabilities)


def states(program: Program) -> list[str]:
    return [version.state for version in program.versions]


def test_a_version_for_some_hosts_is_in_force_beside_that_of_all() -> None:
    program = a_program(a_version(1, "released"), for_hosts(a_version(2, "approved"), "amap"))
    program = after(program, hosting.release(program, 2))
    assert states(program) == ["released", "hosted"]
    assert [version and version.number for version in (hosting.in_force(program, host) for host in HOSTS)] == [
        1,
        2,
        1,
    ]


def test_a_version_for_all_passes_over_what_hosts_had() -> None:
    program = a_program(a_version(1, "released"), for_hosts(a_version(2, "hosted"), "amap"), a_version(3, "approved"))
    assert states(after(program, hosting.release(program, 3))) == ["superseded", "rolled_back", "released"]


def test_a_light_store_made_anew_passes_over_what_hosts_had() -> None:
    """The feed did so by the same event, and the registry did not: found by tests/model/versions.py."""
    program = a_program(a_version(1, "released"), for_hosts(a_version(2, "hosted"), "amap"))
    made = after(program, programs.release_reviewed(program, a_version(3)))
    assert states(made) == ["superseded", "rolled_back", "released"]


def test_hosts_open_what_all_open_when_theirs_is_taken_back() -> None:
    program = a_program(a_version(1, "released"), for_hosts(a_version(2, "hosted"), "amap"))
    change = take_back(program, 2, None, "merchant", "slow")
    assert isinstance(change, Change)
    assert change.events == (VersionUnhosted(program_id=program.program_id, version=2, reason="slow"),)
    assert states(after(program, change)) == ["released", "rolled_back"]


def test_a_version_for_hosts_that_are_not_there_is_refused() -> None:
    refusal = hosting.why_not_hosted(for_hosts(a_version(1), "amap", "nowhere"), {"amap"})
    assert refusal is not None
    assert refusal.kind == "unknown_host"
    assert "'nowhere'" in refusal.detail
    assert hosting.why_not_hosted(a_version(1), ()) is None


def test_a_host_is_put_once_and_retired_for_good() -> None:
    known = domain.put(None, a_host(pay=3))
    assert isinstance(known, HostFacts)
    assert domain.put(known, a_host(pay=3)) == known
    changed = domain.put(known, a_host(pay=4))
    assert isinstance(changed, HostFacts)
    assert changed.revision == 2
    retired = domain.retire(changed, "end_of_life")
    assert (retired.revision, retired.retired_for) == (3, "end_of_life")
    assert domain.retire(retired, "again") == retired
    assert domain.put(retired, a_host()) is None


class Feed:
    """What the feed makes of events: the row of one program."""

    def __init__(self) -> None:
        self.released, self.needs, self.hosted = Shown(None, None, None), Needs(), tuple[Hosted, ...]()

    def take(self, event: Event) -> None:
        match event:
            case VersionReleased() | VersionRolledBack():
                self.released = Shown(event.version, event.title, event.page)
                self.needs = event.needs or Needs()
                if isinstance(event, VersionReleased):
                    self.hosted = feed.without_covered(self.hosted, self.needs)
            case VersionHosted():
                self.hosted = feed.added(self.hosted, Hosted.of(event))
            case VersionUnhosted() | VersionForcedOffline():
                self.hosted = tuple(each for each in self.hosted if each.version != event.version)
                if self.released.version == event.version and isinstance(event, VersionForcedOffline):
                    self.released = Shown(None, None, None)

    def opens_in(self, host_id: str) -> int | None:
        others = Others(None, self.needs.model_dump_json(), feed.written(self.hosted))
        seen = shown("shop", self.released, others, Viewing("ann", None, None, OnHost(a_host(host_id), 0)))
        return None if seen.blocked else seen.version


def a_story(rng: Random, take: Callable[[Feed, Event], None]) -> None:
    """Versions for random hosts are released, taken back and forbidden; after each step registry and feed agree, host by host."""
    program, its_feed, number = a_program(), Feed(), 0
    for _ in range(rng.randint(1, 25)):
        move = rng.choice(("release", "release", "take_back", "forbid"))
        if move == "release":
            number += 1
            hosts = rng.sample(HOSTS, rng.randint(0, 3))
            version = for_hosts(a_version(number, "approved"), *hosts)
            program = replace(program, versions=(*program.versions, version))
            change: Change | Refusal = hosting.release(program, number)
        elif not program.versions:
            continue
        else:
            chosen = rng.choice(program.versions).number
            change = (
                take_back(program, chosen, None, "merchant", "slow")
                if move == "take_back"
                else force_offline(program, chosen, "illegal")
            )
        if isinstance(change, Refusal):
            continue
        program = after(program, change)
        for event in change.events:
            take(its_feed, event)
        if program.released is None:
            continue  # cards are offline, in every host
        for host in HOSTS:
            in_force = hosting.in_force(program, host)
            assert in_force is not None
            runs_here = in_force.needs.hosts is None or host in in_force.needs.hosts
            assert its_feed.opens_in(host) == (in_force.number if runs_here else None)


def test_registry_and_feed_agree_on_each_host() -> None:
    _stories(Feed.take)


def _stories(take: Callable[[Feed, Event], None]) -> None:
    for seed in range(300):
        a_story(Random(seed), take)


def _deaf_to(*types: type[Event]) -> Callable[[Feed, Event], None]:
    def take(its_feed: Feed, event: Event) -> None:
        if not isinstance(event, types):
            its_feed.take(event)

    return take


@pytest.mark.parametrize("lost", [VersionHosted, VersionUnhosted, VersionReleased, VersionForcedOffline])
def test_a_feed_that_misses_events_is_noticed(lost: type[Event]) -> None:
    with pytest.raises(AssertionError):
        _stories(_deaf_to(lost))
