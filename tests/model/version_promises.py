"""What must hold of a program's versions after each step: R1 to R4, by rules written a second time, and a run of steps."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from datetime import timedelta
from hashlib import blake2b
from itertools import pairwise
from random import Random
from typing import Any, Final

from lutong_console.verify.releases import EVENTS, Expected
from lutong_contracts.gray import STEPS, Audience, Viewing, sees
from lutong_registry.programs import hosting
from lutong_registry.programs.domain import Change, Version, why_not_promoted
from tests.model.shelf_promises import BrokenPromiseError
from tests.model.versions import HOSTS, VIEWERS, Versions

_IN_FLIGHT: Final = {"submitted", "admitted", "approved", "gray"}
_NEVER_FORWARD: Final = {"rejected", "forced_offline", "rolled_back"}
_SHANGHAI: Final = timedelta(hours=8)


@dataclass(slots=True)
class Known:
    """What was seen of a program: its events folded, what was handed in, who saw what, and what passed its second audit."""

    events: Expected = field(default_factory=lambda: Expected(from_the_first=True))
    handed_in: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    approved: set[int] = field(default_factory=set)
    shown: dict[int, list[Audience]] = field(default_factory=dict)
    control: int | None = None
    """What the version in gray was last published to be compared with."""
    before: tuple[Version, ...] = ()
    opened: Mapping[str, Version | None] = field(default_factory=dict)


def check(world: Versions, change: Change | None, known: Known) -> None:
    """Raises `BrokenPromiseError` with the first promise that does not hold after a step."""
    for event in change.events if change else ():
        if event.type in EVENTS:
            known.events.take(event.type, event.model_dump(mode="json"))
            _note(event.type, event, known)
    _one_in_flight(world, known)
    _numbers_grow(world, known)
    _nobody_loses_the_gray(world, known)
    _only_promoted(world, known)
    _withdrawals_are_bounded(world)
    known.before = world.program.versions


def _note(event_type: str, event: Any, known: Known) -> None:  # noqa: ANN401  # any event of versions
    if event_type.endswith("version-approved.v1"):
        known.approved.add(event.version)
    elif event_type.endswith("version-grayed.v1"):
        known.control = event.control_version
    elif event_type.endswith(("version-submitted.v1", "version-withdrawn.v1")):
        known.approved.discard(event.version)


def _one_in_flight(world: Versions, known: Known) -> None:
    """R1: one version is in flight, one released, at most one in force in each host, and states are those that events lead to."""
    states = Counter[str](version.state for version in world.program.versions)
    _holds(sum(states[state] for state in _IN_FLIGHT) <= 1, world, f"R1 in flight are {states}")
    _holds(states["released"] <= 1, world, f"R1 {states['released']} are released")
    if world.asked == "made":  # by its template, which was audited: nobody audits it again
        known.approved |= {v.number for v in world.program.versions if v.number not in known.handed_in}
    stored = {version.number: version.state for version in world.program.versions}
    led = {number: known.events.states.get(number) for number in stored}
    _holds(stored == led, world, f"R1 states are {stored}, their events lead to {led}")
    opened = {host: _in_force(known.events, host) for host in HOSTS}
    now = {host: hosting.in_force(world.program, host) for host in HOSTS}
    numbers = {host: version.number if version else None for host, version in now.items()}
    _holds(opened == numbers, world, f"R1 {opened} are in force, not {numbers}")
    if world.asked == "release":
        lost = [host for host in HOSTS if _runs(known.opened.get(host), host) and not _runs(now[host], host)]
        _holds(not lost, world, f"R1 a release took from {lost} what they opened")
    known.opened = now


def _in_force(events: Expected, host: str) -> int | None:
    """Of the versions that the host has of its own the newest, or what all have."""
    own = [number for number in events.hosted if host in events.hosts[number]]
    return max(own) if own else next((n for n, state in events.states.items() if state == "released"), None)


def _runs(version: Version | None, host: str) -> bool:
    return version is not None and (version.needs.hosts is None or host in version.needs.hosts)


def _numbers_grow(world: Versions, known: Known) -> None:
    """R2: numbers grow, what was handed in never changes, and what is forbidden, refused or taken back stays so."""
    versions = world.program.versions
    fresh = [version.number for version in versions if version.number not in known.handed_in]
    _holds(all(number > max(known.handed_in, default=0) for number in fresh), world, f"R2 {fresh} came late")
    for version in versions:
        content = (version.title, version.page, version.offers, version.offers_of, version.needs)
        _holds(known.handed_in.setdefault(version.number, content) == content, world, f"R2 {version.number} changed")
    after = {version.number: version.state for version in versions}
    for version in known.before:
        _holds(
            version.state not in _NEVER_FORWARD or after[version.number] in {version.state, "forced_offline"},
            world, f"R2 {version.number} was {version.state} and is {after[version.number]}",
        )  # fmt: skip


def _nobody_loses_the_gray(world: Versions, known: Known) -> None:
    """R3: who sees a version in gray goes on seeing it, by buckets of their own; shares go 10, 30, 50; nothing is compared with nothing."""
    if world.asked == "gray" and world.wanted and astuple(world.wanted)[1:] == (None, None, None):
        _holds(world.refused != "narrower", world, "R3 a step that keeps all lists is refused")
    gray = [version for version in world.program.versions if version.audience]
    _holds(all(version.state == "gray" for version in gray), world, "R3 a version has an audience out of gray")
    for version in gray:
        audience = version.audience
        assert audience is not None
        control = world.program.released and world.program.released.number
        _holds(control == known.control, world, f"R3 {control} is released, not the control of the version in gray")
        steps = known.shown.setdefault(version.number, [])
        if steps[-1:] != [audience]:
            steps.append(audience)
        _holds(steps[0].percent == STEPS[0], world, f"R3 gray began at {steps[0].percent}")
        for earlier, later in pairwise(steps[-2:]):
            ahead = STEPS.index(later.percent) - STEPS.index(earlier.percent)
            _holds(ahead in {0, 1}, world, f"R3 {earlier.percent} % became {later.percent} %")
            lost = [viewer for viewer in VIEWERS if sees(earlier, "g-1", viewer) and not sees(later, "g-1", viewer)]
            _holds(not lost, world, f"R3 {lost} do not see {version.number} any more")
        seen = [viewer for viewer in VIEWERS if sees(audience, "g-1", viewer)]
        _holds(
            seen == [viewer for viewer in VIEWERS if _is_of(audience, viewer)], world, f"R3 {audience} is for {seen}"
        )


def _is_of(audience: Audience, viewing: Viewing) -> bool:
    """The rule of who sees what, written a second time."""
    name = f"g-1\n{audience.salt}\n{viewing.viewer_id}".encode()
    place = int(blake2b(name, digest_size=8).hexdigest(), 16) % 100
    inside = [
        not among or where in among
        for among, where in ((audience.regions, viewing.region), (audience.devices, viewing.device))
    ]
    return viewing.viewer_id in audience.viewers or (all(inside) and place < audience.percent)


def _only_promoted(world: Versions, known: Known) -> None:
    """R4: only what passed its second audit, and is open, is in a push or in a place of the feed."""
    released = [number for number, state in known.events.states.items() if state == "released"]
    may = bool(released) and released[0] in known.approved and world.program.suspended_for is None
    _holds((why_not_promoted(world.program) is None) == may, world, f"R4 a place is {'refused' if may else 'sold'}")
    if world.asked == "push":
        _holds(may or world.push.state != "sending", world, f"R4 a push goes on: {world.push}")


def _withdrawals_are_bounded(world: Versions) -> None:
    """Five withdrawals on a day of Asia/Shanghai, ten in a month."""
    days = Counter((moment + _SHANGHAI).date() for moment in world.withdrawn_at)
    months = Counter((moment + _SHANGHAI).strftime("%Y-%m") for moment in world.withdrawn_at)
    many = max(days.values(), default=0) > 5 or max(months.values(), default=0) > 10
    _holds(not many, world, f"withdrawn on {world.withdrawn_at}")


def _holds(condition: bool, world: Versions, what: str) -> None:
    if not condition:
        raise BrokenPromiseError(f"after {world.asked}: {what}")


def run(seed: int, steps: int) -> int:
    """A program's life; gives how many versions it had. Raises what does not hold."""
    world, known = Versions(Random(seed)), Known()  # reproducible, and no secret
    for _ in range(steps):
        check(world, world.step(), known)
    return len(world.program.versions)
