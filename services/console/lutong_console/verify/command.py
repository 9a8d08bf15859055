"""lutong verify: look twice, evaluate, and show the smallest witness of whatever is wrong."""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import asyncpg
import orjson
import typer
from aiokafka.errors import KafkaError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from lutong_chassis.topics import admin, committed
from lutong_console.cli import given
from lutong_console.cli.errors import PROBLEM, UNREACHABLE, USAGE, ConsoleError
from lutong_console.cli.screen import emit_json, err, line, out, table
from lutong_console.offsets import Positions, group_of, unread
from lutong_console.subscriptions import consumed_topics, handled_types
from lutong_console.targets import Json, StackName, Suite, suite
from lutong_console.verify.collect import Watcher, collect
from lutong_console.verify.identities import (
    COMPARED_WITH,
    IDENTITIES,
    NAMES,
    WITNESSES_MAX,
    WORDS,
    Earlier,
    Findings,
    violations,
)
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World
from lutong_contracts.sentences import counted

_SHOWN_MAX = 50


def verify(
    stack: StackName = "default",
    *,
    settle_s: Annotated[
        float, typer.Option("--settle", help="Seconds to wait until nothing moves any more.", callback=given.seconds)
    ] = 60.0,
    live_s: Annotated[
        float | None,
        typer.Option(
            "--live",
            help="Do not wait: look twice, this many seconds apart, and report what stayed broken.",
            callback=given.seconds,
        ),
    ] = None,
    canary: Annotated[
        list[str] | None, typer.Option("--canary", help="A string that must be nowhere. May be repeated.")
    ] = None,
    history: Annotated[
        Path | None, typer.Option("--history", help="What clients were answers: NDJSON of kind, id, outcome.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check the whole suite against its identities, over four databases and all topics. Exit code 1 on a violation."""
    outcomes = _history(history) if history else []
    compared = {"V8": history is not None, "V11": bool(canary)}
    unchecked = {name: option for name, option in COMPARED_WITH.items() if not compared[name]}
    with _watching() as watcher:
        look = Look(suite(stack), canary or [], outcomes, watcher)
        seen = asyncio.run(look.until_still(settle_s) if live_s is None else look.live(live_s))
    if as_json:
        emit_json(_as_json(seen, list(unchecked)))
    else:
        _print(seen, unchecked)
    if seen.findings.total:
        raise typer.Exit(PROBLEM)


def _history(file: Path) -> list[dict[str, Any]]:
    """The answers that clients had, one document per line."""
    try:
        answers = [orjson.loads(document) for document in file.read_bytes().splitlines()]
    except OSError as error:
        raise ConsoleError(f"--history {file}: {error.strerror}", code=USAGE) from None
    except orjson.JSONDecodeError as error:
        raise ConsoleError(f"--history {file} is no NDJSON: {error}", code=USAGE) from None
    if not all(isinstance(each, dict) and {"kind", "id", "outcome"} <= each.keys() for each in answers):
        raise ConsoleError(f"--history {file}: every line has to be an object with kind, id and outcome", code=USAGE)
    return answers


class Seen(NamedTuple):
    """What a look found, and how much it looked at."""

    findings: Findings
    records: int
    rows: int


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked at, and what else it is compared with."""

    target: Suite
    canaries: list[str]
    outcomes: list[dict[str, Any]]
    watcher: Watcher

    @asynccontextmanager
    async def once(self) -> AsyncIterator[World]:
        """One look, whatever moves meanwhile."""
        try:
            world = await collect(self.target, handled_types(), self.canaries, self.watcher)
        except (OSError, KafkaError, asyncpg.PostgresError) as error:
            raise ConsoleError(
                f"a database or Kafka does not answer ({type(error).__name__})", then="lutong status", code=UNREACHABLE
            ) from None
        except sqlite3.OperationalError as error:
            where = tempfile.gettempdir()
            then = "SQLITE_TMPDIR=DIR lutong verify, with room for what the databases and topics hold"
            raise ConsoleError(f"no room for a look: {error}; it is kept in {where} or /var/tmp", then=then) from None
        try:
            yield world
        finally:
            world.close()

    def violations(self, world: World) -> Iterator[Violation]:
        """What is broken in a look."""
        return violations(world, self.outcomes, self.watcher)

    async def until_still(self, settle_s: float) -> Seen:
        """Two looks that agree are one truth. While something moves, look again, up to a deadline.

        What a service has not read yet moves, too, though nothing of it is seen: a service that has just started may take
        longer to get its partitions than two looks. One that never reads is reported at the deadline.
        """
        deadline, before = time.monotonic() + settle_s, ""
        while True:
            reached = await self._positions()  # before the look: what a group had read then is in it
            async with self.once() as world:
                if world.digest == before and world.is_quiet:
                    found = Findings.of(self.violations(world))
                    if not found.total or time.monotonic() > deadline or not _is_behind(world, reached):
                        return Seen(found, world.records, world.rows)
                elif before and time.monotonic() > deadline:
                    then = "lutong verify --live 30, or lutong status"
                    raise ConsoleError(f"something still moves after {settle_s:.0f} s", then=then)
                before = world.digest

    async def _positions(self) -> dict[str, Positions]:
        """How far each service has read its topics."""
        try:
            async with admin(self.target.kafka) as client:
                return {service: await committed(client, group_of(service)) for service in consumed_topics()}
        except (OSError, KafkaError) as error:
            raise ConsoleError(
                f"Kafka does not answer ({type(error).__name__})", then="lutong status", code=UNREACHABLE
            ) from None

    async def live(self, tolerance_s: float) -> Seen:
        """Under load: what is broken at two looks, the tolerance apart, is not merely in flight."""
        async with self.once() as world:
            earlier = Earlier(self.violations(world))
        await asyncio.sleep(tolerance_s)
        try:
            async with self.once() as world:
                found = Findings.of(earlier.confirmed(self.violations(world)))
                return Seen(found, world.records, world.rows)
        finally:
            earlier.close()


def _is_behind(world: World, reached: Mapping[str, Positions]) -> bool:
    """Whether a service had not read all of its topics that a look did."""
    for service, topics in consumed_topics().items():
        ends = {place: end for place, end in world.ends.items() if place[0] in topics}
        if unread(ends, reached[service]):
            return True
    return False


class _Bar(Watcher):
    """Shows people how far a look is."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("reading", total=0)
        self._is_reading = True

    def expect(self, count: int) -> None:
        """The total grows with each database that answers; a new look begins anew."""
        if not self._is_reading:
            self._progress.update(self._task, description="reading", completed=0, total=0)
            self._is_reading = True
        self._progress.update(self._task, total=(self._progress.tasks[0].total or 0) + count)

    def advance(self, count: int) -> None:
        """One step for each row."""
        self._progress.advance(self._task, count)

    def judge(self, identity: str) -> None:
        """One step for each identity."""
        at = list(IDENTITIES).index(identity)
        self._progress.update(self._task, description=f"judging {identity}", completed=at, total=len(IDENTITIES))
        self._is_reading = False


@contextmanager
def _watching() -> Iterator[Watcher]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as progress:
        yield _Bar(progress)


def _print(seen: Seen, unchecked: Mapping[str, str]) -> None:
    findings = seen.findings
    out.print(table(["identity", "result", "what must be so"], judged(findings.counts, unchecked)))
    for violation in findings.witnesses[:_SHOWN_MAX]:
        out.print(line((violation.identity, "red"), f" {violation.what}: {violation.witness}"))
    if findings.total > _SHOWN_MAX:
        out.print(f"and {findings.total - _SHOWN_MAX} more; --json shows {WITNESSES_MAX} of each identity")
    out.print(
        f"verify: {counted(findings.total, 'violation')}, {counted(seen.records, 'record')}, {counted(seen.rows, 'row')}"
    )


class Judged(NamedTuple):
    """A line of the table of results."""

    identity: str
    result: Text
    meaning: str


def judged(counts: Mapping[str, int], unchecked: Mapping[str, str]) -> list[Judged]:
    """Each identity with its result: what nothing was compared with does not hold, it was not checked."""
    return [
        Judged(name, line(_result(counts.get(name, 0), unchecked.get(name))), words) for name, words in WORDS.items()
    ]


def _result(broken: int, option: str | None) -> tuple[str, str]:
    if option:
        return f"not checked (give {option})", "dim"
    return (f"{broken} broken", "red") if broken else ("holds", "green")


def _as_json(seen: Seen, unchecked: list[str]) -> dict[str, Any]:
    findings = seen.findings
    return {
        "holds": [name for name in NAMES if name not in unchecked and not findings.counts[name]],
        "not_checked": unchecked,
        "counts": dict(findings.counts),
        "violations": [{"identity": v.identity, "what": v.what, "witness": v.witness} for v in findings.witnesses],
        "records": seen.records,
        "rows": seen.rows,
    }
