"""A look whose rows a test may read, and change: the world of `lutong verify` is made of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from lutong_console.targets import Suite
from lutong_console.verify import identities
from lutong_console.verify.collect import Watcher, read
from lutong_console.verify.tables import SERVICES, TABLES
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import Record, World


def _empty() -> dict[str, dict[str, list[dict[str, Any]]]]:
    return {service: {table: [] for table in TABLES[service]} for service in SERVICES}


@dataclass
class Look:
    """What was found, in memory: rows by service and table as they were read, and records in order of their places."""

    tables: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=_empty)
    records: list[Record] = field(default_factory=list)
    reactions: Mapping[str, set[str]] = field(default_factory=dict)
    begins: dict[tuple[str, int], int] = field(default_factory=dict)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    canaries: Sequence[str] = ("canary",)
    """So that everything is read."""

    def rows(self, service: str, table: str) -> list[dict[str, Any]]:
        return self.tables[service][table]

    def add(self, service: str, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        self.tables[service].setdefault(table, []).extend(dict(row) for row in rows)

    def add_records(self, records: Iterable[Record]) -> None:
        self.records.extend(records)

    def world(self, canaries: Sequence[str] = ()) -> World:
        """What `lutong verify` would have kept of this."""
        world = World(self.reactions, canaries, self.begins, self.ends, self.now)
        for service, tables in self.tables.items():
            for table, rows in tables.items():
                world.add(service, table, rows)
        world.add_records(self.records)
        return world

    def copied(self) -> "Look":
        """The same, of which rows and records may be changed. Records are frozen."""
        tables = {
            service: {table: [dict(row) for row in rows] for table, rows in tables.items()}
            for service, tables in self.tables.items()
        }
        return replace(self, tables=tables, records=list(self.records))

    @property
    def digest(self) -> str:
        world = self.world()
        try:
            return world.digest
        finally:
            world.close()


async def collect(target: Suite, reactions: Mapping[str, set[str]]) -> Look:
    """Look once, and remember everything: for suites of tests."""
    look = Look(reactions=reactions)
    await read(target, look, Watcher())
    look.records.sort(key=lambda record: (record.topic, record.partition, record.offset))
    return look


def evaluate(look: Look, canaries: Sequence[str] = (), history: Iterable[dict[str, Any]] = ()) -> list[Violation]:
    """All violations of a look."""
    world = look.world(canaries)
    try:
        return identities.evaluate(world, history)
    finally:
        world.close()


def judged_by(name: str, look: Look, canaries: Sequence[str] = ()) -> list[Violation]:
    """The violations of one identity."""
    world = look.world(canaries)
    try:
        return list(identities.IDENTITIES[name](world))
    finally:
        world.close()


def still(row: Mapping[str, Any]) -> list[Any]:
    """A row without the moment at which it was read."""
    return [value for name, value in row.items() if name != "read_at"]
