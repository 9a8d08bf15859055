"""Copies of what others own: V9 projections follow their source, counters are the sums of their events."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from lutong_console.verify.joining import Group, Row
from lutong_console.verify.retention import Retention
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World
from lutong_contracts import event_class

_USES: Final = {
    "opened": "lutong.feed.card-tapped.v1",
    "solved": "lutong.feed.service-solved.v1",
    "fulfilled": "lutong.inventory.order-fulfilled.v1",
}
_TOPICS: Final = {use: event_class(event_type).topic.name for use, event_type in _USES.items()}
_COUNTERS: Final = {"opened": "taps", "solved": "solved", "fulfilled": "fulfilled"}
"""The columns that count a post's uses; those of a program are called like them."""


def projections_follow(world: World) -> Iterator[Violation]:
    """V9: the feed shows what the registry published, and counters are the sums of their events.

    Once a topic has dropped some of its events a counter may be more than what is left of them, and never less.
    """
    aged = {use: Retention(world).has_aged(topic) for use, topic in _TOPICS.items()}
    programs = world.by(
        "program_id",
        theirs="SELECT * FROM registry.program ORDER BY program_id",
        ours="SELECT * FROM feed.program ORDER BY program_id",
        card="""
            SELECT coalesce(program_id, '') AS program_id, post_id FROM feed.card WHERE state = 'active'
             ORDER BY 1, 2""",
        usage="SELECT * FROM registry.usage ORDER BY program_id",
        uses=_uses_by("program_id"),
    )
    for program_id, of in programs:
        yield from _shown(program_id, of)
        for what in _off(of.one("usage"), {use: use for use in _USES}, of, aged):
            yield Violation("V9", what, f"program {program_id}")
    posts = world.by("post_id", counter="SELECT * FROM feed.counter ORDER BY post_id", uses=_uses_by("post_id"))
    for post_id, of in posts:
        for what in _off(of.one("counter"), _COUNTERS, of, aged):
            yield Violation("V9", what, f"post {post_id}")


def _uses_by(key: str) -> str:
    """Each use once, as the services published it, counted by program or by post."""
    types = ", ".join(f"'{event_type}'" for event_type in _USES.values())
    return f"""
        SELECT json_extract(value, '$.{key}') AS {key}, type, count(*) AS times
          FROM (SELECT type, value FROM record WHERE type IN ({types}) AND source GLOB '/lutong/*' GROUP BY event_id)
         WHERE json_valid(value) AND json_extract(value, '$.{key}') IS NOT NULL
         GROUP BY 1, 2 ORDER BY 1, 2"""


def _shown(program_id: str, of: Group) -> Iterator[Violation]:
    theirs, ours = of.one("theirs"), of.one("ours")
    registry_shows = (theirs["version"], theirs["suspended_for"]) if theirs else (None, None)
    feed_shows = (ours["version"], ours["suspended_for"]) if ours else (None, None)
    shown, published = (each if any(each) else None for each in (feed_shows, registry_shows))
    if published != shown:
        yield Violation("V9", f"the registry shows {published}, the feed shows {shown}", f"program {program_id}")
    version, suspended_for = registry_shows
    offline = ours is not None and ours["offline_for"]  # then cards show it, whatever their state
    if (version is None and not offline) or suspended_for:
        for card in of.each("card"):
            yield Violation("V9", "an active card leads to a program that cannot be opened", f"post {card['post_id']}")


def _off(counter: Row | None, columns: Mapping[str, str], of: Group, aged: Mapping[str, bool]) -> Iterator[str]:
    """What a counter counts that its events do not add up to."""
    if counter is None:
        return
    uses = Counter({row["type"]: row["times"] for row in of.all("uses")})
    for use, column in columns.items():
        counted, on_topics = counter[column], uses[_USES[use]]
        if counted < on_topics if aged[use] else counted != on_topics:
            yield f"{counted} {column} counted, {on_topics} on the topics"
