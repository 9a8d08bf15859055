"""Rankings: V30 what is counted of programs by day is what a count of the facts, and of who was active, gives."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from lutong_console.verify.collect import moment
from lutong_console.verify.joining import Group, Row
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_SHANGHAI: Final = timedelta(hours=8)
"""Since 1991 its clock is never changed."""
_KINDS: Final = ("opened", "solved", "fulfilled")

Counts = dict[str, Counter[str]]


def rankings_are_rebuilt(world: World) -> Iterator[Violation]:
    """V30: the uses of each day of Asia/Shanghai, with those that came when it was closed, are the facts of that day; and its users
    those who were active. Days of which facts are forgotten count no less than what is left of them.

    Days are made of hours in UTC, not as the registry does. No more users than openings: who is counted above is counted below.
    """
    programs = world.by(
        "program_id",
        fact="SELECT * FROM registry.usage_hour ORDER BY program_id, hour_at",
        active="SELECT * FROM registry.usage_active ORDER BY program_id, day",
        day="SELECT * FROM registry.program_day ORDER BY program_id, day",
    )
    oldest = next(iter(world.select("SELECT hour_at FROM registry.usage_hour ORDER BY hour_at LIMIT 1")), None)
    first = str(moment(oldest, "hour_at").date()) if oldest else ""
    for program_id, of in programs:
        yield from _compared(program_id, of, first)


def _compared(program_id: str, of: Group, first: str) -> Iterator[Violation]:
    facts: Counts = {}
    for row in of.each("fact"):
        day = str((moment(row, "hour_at") + _SHANGHAI).date())
        facts.setdefault(day, Counter())[row["kind"]] += row["n"]
    users = {row["day"]: row["users"] for row in of.each("active")}
    for row in of.each("day"):
        found, there = facts.pop(row["day"], Counter()), users.pop(row["day"], 0)
        for what in _wrong(row, found, there, whole=row["day"] > first):
            yield Violation("V30", what, f"{program_id} on {row['day']}")
    for day in sorted({*facts, *users}):
        yield Violation("V30", "it was used, and nothing is counted", f"{program_id} on {day}")


def _wrong(row: Row, found: Counter[str], active: int, *, whole: bool) -> Iterator[str]:
    """What is wrong with a day; `whole` is whether all of its facts are there."""
    counted = sum(row[kind] for kind in _KINDS) + row["adjusted"]
    if counted < found.total() or (whole and counted != found.total()):
        yield f"{counted} uses are counted, and {found.total()} are kept"
    for kind in _KINDS if whole else ():
        if row[kind] > found[kind]:
            yield f"{row[kind]} are counted as {kind}, and {found[kind]} are kept"
    if row["users"] != active:
        yield f"{row['users']} users are counted, and {active} were active"
    if row["users"] > row["opened"]:
        yield f"{row['users']} users opened it {row['opened']} times"
