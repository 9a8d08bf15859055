"""Versions: V22 each is in the state that its events lead to, and the feed shows the version in gray that the registry has."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lutong_console.verify.joining import Group, Row
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_MOVES: Final[Mapping[str, str]] = {
    "lutong.registry.version-submitted.v1": "submitted",
    "lutong.registry.version-admitted.v1": "admitted",
    "lutong.registry.version-rejected.v1": "rejected",
    "lutong.registry.version-withdrawn.v1": "withdrawn",
    "lutong.registry.version-grayed.v1": "gray",
    "lutong.registry.version-gray-stopped.v1": "rolled_back",
    "lutong.registry.version-hosted.v1": "hosted",
    "lutong.registry.version-unhosted.v1": "rolled_back",
}
"""Events that move one version, whatever the others are."""
_APPROVED: Final = "lutong.registry.version-approved.v1"
_RELEASED: Final = "lutong.registry.version-released.v1"
_ROLLED_BACK: Final = "lutong.registry.version-rolled-back.v1"
_HOSTED: Final = "lutong.registry.version-hosted.v1"
_FORCED: Final = "lutong.registry.version-forced-offline.v1"
EVENTS: Final = frozenset({*_MOVES, _APPROVED, _RELEASED, _ROLLED_BACK, _FORCED})


@dataclass
class Expected:
    """What the events of a program lead to. Of a topic that has dropped some, states that are not known are absent."""

    from_the_first: bool
    states: dict[int, str] = field(default_factory=dict)
    audience: Any = None
    offline_for: str | None = None
    promotable: bool | None = None
    """Whether placements may recommend the version in force, if one is known."""
    hosts: dict[int, frozenset[str]] = field(default_factory=dict)
    """Of versions that some hosts had of their own, which."""

    def take(self, event_type: str, data: Mapping[str, Any]) -> None:
        """One event more."""
        number = data["version"]
        if event_type in {_HOSTED, _RELEASED}:
            self._cover(data)
        if event_type in _MOVES:
            self.states[number] = _MOVES[event_type]
            self.audience = data.get("audience", self.audience)
        elif event_type == _APPROVED:
            if self.states.get(number) not in {"gray", "released"} and (self.from_the_first or number in self.states):
                self.states[number] = "approved"
            elif self.states.get(number) == "released":
                self.promotable = True
        elif event_type == _FORCED:
            if self.states.get(number) == "released":
                self.offline_for = data["reason"]
            self.states[number] = "forced_offline"
        else:
            self._in_force(number, data.get("withdrawn_version"))
            self.promotable = data.get("promotable", True)

    def _cover(self, data: Mapping[str, Any]) -> None:
        """What hosts had of their own, and this version is for, too, is passed over."""
        wide = (data.get("needs") or {}).get("hosts")
        for known, hosts in self.hosts.items():
            if self.states.get(known) == "hosted" and (wide is None or hosts <= {*wide}):
                self.states[known] = "rolled_back"
        if wide is not None:
            self.hosts[data["version"]] = frozenset(wide)

    @property
    def hosted(self) -> list[int]:
        """Versions that some hosts have of their own."""
        return sorted(number for number, state in self.states.items() if state == "hosted")

    def _in_force(self, number: int, withdrawn: int | None) -> None:
        """Released, or in force again in the place of the one that was withdrawn; those between are passed over."""
        self.offline_for = None
        for known, state in self.states.items():
            if withdrawn is None and state == "released":
                self.states[known] = "superseded"
            elif withdrawn is not None and state == "superseded" and known > number:
                self.states[known] = "rolled_back"
        if withdrawn is not None:
            self.states[withdrawn] = "rolled_back"
        self.states[number] = "released"


def releases_follow(world: World) -> Iterator[Violation]:
    """V22: versions are in the states that their events lead to, and what the feed shows in gray or offline, and recommends, is what they are.

    A program of which the topic has dropped the first events is compared as far as the rest goes.
    """
    types = ", ".join(f"'{event_type}'" for event_type in sorted(EVENTS))
    programs = world.by(
        "program_id",
        event=f"""
            SELECT key AS program_id, type, sequence, value FROM record
             WHERE topic = 'lutong.registry.programs' AND source = '/lutong/registry' AND type IN ({types})
             GROUP BY event_id ORDER BY key, sequence""",
        first="""
            SELECT key AS program_id, min(sequence) AS sequence FROM record
             WHERE topic = 'lutong.registry.programs' AND source = '/lutong/registry' GROUP BY key ORDER BY key""",
        version="SELECT * FROM registry.version ORDER BY program_id, number",
        shown="SELECT * FROM feed.program ORDER BY program_id",
    )
    for program_id, of in programs:
        first = of.one("first")
        expected = Expected(from_the_first=first is not None and first["sequence"] == 1)
        for event in of.each("event"):
            expected.take(event["type"], json.loads(event["value"]))
        yield from _states(program_id, expected, of.all("version"))
        yield from _shown(program_id, expected, of)
        yield from _recommended(program_id, expected, of.one("shown"))


def _states(program_id: str, expected: Expected, versions: list[Row]) -> Iterator[Violation]:
    stored = {row["number"]: row["state"] for row in versions}
    for number in sorted({*expected.states, *(stored if expected.from_the_first else ())}):
        state, wanted = stored.get(number), expected.states.get(number)
        if state != wanted:
            yield Violation("V22", f"it is {state}, and its events lead to {wanted}", f"version {program_id}:{number}")
    for row in versions:
        if row["state"] == "gray" and expected.audience and json.loads(row["audience"]) != expected.audience:
            yield Violation(
                "V22", "its audience is another than was published", f"version {program_id}:{row['number']}"
            )


def _recommended(program_id: str, expected: Expected, row: Row | None) -> Iterator[Violation]:
    """What is not admitted by both audits is in no placement: a version that passed the second may be in them."""
    if row and expected.promotable is not None and row["promotable"] != expected.promotable:
        may = {True: "may", False: "may not"}
        what = f"placements {may[expected.promotable]} recommend it, and in the feed they {may[row['promotable']]}"
        yield Violation("V22", what, f"program {program_id}")


def _shown(program_id: str, expected: Expected, of: Group) -> Iterator[Violation]:
    row, gray = of.one("shown"), next((each for each in of.all("version") if each["state"] == "gray"), None)
    wanted = (gray["number"], json.loads(gray["audience"])) if gray else None
    seen = json.loads(row["gray"]) if row and row["gray"] else None
    shown = (seen["version"], seen["audience"]) if seen else None
    if shown != wanted:
        what = f"the registry has {wanted and wanted[0]} in gray, the feed shows {shown and shown[0]}"
        yield Violation(
            "V22",
            what if (shown and shown[0]) != (wanted and wanted[0]) else f"{what} to others",
            f"program {program_id}",
        )
    shown_on_hosts = sorted(each["version"] for each in json.loads(row["hosted"] or "[]")) if row else []
    if expected.from_the_first and shown_on_hosts != expected.hosted:
        what = f"hosts have {expected.hosted} of their own, the feed shows {shown_on_hosts}"
        yield Violation("V22", what, f"program {program_id}")
    if expected.from_the_first and (row["offline_for"] if row else None) != expected.offline_for:
        yield Violation(
            "V22",
            f"it is offline for {expected.offline_for}, the feed shows {row and row['offline_for']}",
            f"program {program_id}",
        )
