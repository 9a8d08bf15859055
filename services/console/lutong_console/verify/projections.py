"""Copies of what others own: V9 projections follow their source, counters are the sums of their events."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from lutong_console.verify.collect import World
from lutong_console.verify.retention import Retention
from lutong_console.verify.violation import Violation
from lutong_contracts import event_class

_USES: Final = {
    "lutong.feed.card-tapped.v1": "opened",
    "lutong.feed.service-solved.v1": "solved",
    "lutong.inventory.order-fulfilled.v1": "fulfilled",
}
_TOPICS: Final = {use: event_class(event_type).topic.name for event_type, use in _USES.items()}


def projections_follow(world: World) -> Iterator[Violation]:
    """V9: the feed shows what the registry published, and counters are the sums of their events.

    Once a topic has dropped some of its events a counter may be more than what is left of them, and never less.
    """
    theirs = {
        row["program_id"]: (row["version"], row["suspended_for"])
        for row in world.rows("registry", "program")
        if row["version"] or row["suspended_for"]
    }
    ours = {row["program_id"]: (row["version"], row["suspended_for"]) for row in world.rows("feed", "program")}
    for program_id in sorted(theirs.keys() | ours.keys()):
        registry_shows, shown = theirs.get(program_id), ours.get(program_id)
        if registry_shows != shown:
            yield Violation("V9", f"the registry has {registry_shows}, the feed shows {shown}", f"program {program_id}")
    for card in world.rows("feed", "card"):
        version, suspended_for = theirs.get(card["program_id"] or "", (None, None))
        if card["state"] == "active" and (version is None or suspended_for):
            yield Violation("V9", "an active card leads to a program that cannot be opened", f"post {card['post_id']}")
    yield from _counters(world)


def _counters(world: World) -> Iterator[Violation]:
    by_program: Counter[tuple[str, str]] = Counter()
    by_post: Counter[tuple[str, str]] = Counter()
    for use, event in _uses(world):
        by_program[event["program_id"], use] += 1
        by_post[event["post_id"], use] += 1
    retention = Retention(world)
    aged = {use: retention.has_aged(topic) for use, topic in _TOPICS.items()}
    for row in world.rows("registry", "usage"):
        for use in _USES.values():
            if _is_off(row[use], by_program[row["program_id"], use], aged=aged[use]):
                what = f"{row[use]} {use} counted, {by_program[row['program_id'], use]} on the topics"
                yield Violation("V9", what, f"program {row['program_id']}")
    for row in world.rows("feed", "counter"):
        for name, use in (("taps", "opened"), ("solved", "solved"), ("fulfilled", "fulfilled")):
            if _is_off(row[name], by_post[row["post_id"], use], aged=aged[use]):
                what = f"{row[name]} {name} counted, {by_post[row['post_id'], use]} on the topics"
                yield Violation("V9", what, f"post {row['post_id']}")


def _is_off(counted: int, on_topics: int, *, aged: bool) -> bool:
    return counted < on_topics if aged else counted != on_topics


class Use(NamedTuple):
    """What a viewer did with a card, and its event."""

    kind: str
    event: dict[str, Any]


def _uses(world: World) -> Iterator[Use]:
    """Each use once, as the services published it."""
    once = {r.event_id: r for r in world.records if r.type in _USES and r.source.startswith("/lutong/")}
    for record in once.values():
        yield Use(_USES[record.type], json.loads(record.value))
