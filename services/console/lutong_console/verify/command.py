"""lutong verify: look twice, evaluate, and show the smallest witness of whatever is wrong."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import asyncpg
import orjson
import typer
from aiokafka.errors import KafkaError
from rich.text import Text

from lutong_console.cli import given
from lutong_console.cli.errors import PROBLEM, UNREACHABLE, USAGE, ConsoleError
from lutong_console.cli.screen import emit_json, line, out, table
from lutong_console.subscriptions import handled_types
from lutong_console.targets import Json, StackName, Suite, suite
from lutong_console.verify.collect import World, collect
from lutong_console.verify.identities import COMPARED_WITH, NAMES, WORDS, confirmed, evaluate
from lutong_console.verify.violation import Violation
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
    look = _Look(suite(stack), canary or [], outcomes)
    world, violations = asyncio.run(look.until_still(settle_s) if live_s is None else look.live(live_s))
    compared = {"V8": history is not None, "V11": bool(canary)}
    unchecked = {name: option for name, option in COMPARED_WITH.items() if not compared[name]}
    if as_json:
        emit_json(_as_json(world, violations, list(unchecked)))
    else:
        _print(world, violations, unchecked)
    if violations:
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


@dataclass(frozen=True, slots=True)
class _Look:
    """What is looked at, and what else it is compared with."""

    target: Suite
    canaries: list[str]
    outcomes: list[dict[str, Any]]

    async def once(self) -> tuple[World, list[Violation]]:
        """One look, whatever moves meanwhile."""
        try:
            world = await collect(self.target, handled_types())
        except (OSError, KafkaError, asyncpg.PostgresError) as error:
            raise ConsoleError(
                f"a database or Kafka does not answer ({type(error).__name__})", then="lutong status", code=UNREACHABLE
            ) from None
        return world, evaluate(world, self.canaries, self.outcomes)

    async def until_still(self, settle_s: float) -> tuple[World, list[Violation]]:
        """Two looks that agree are one truth. While something moves, look again, up to a deadline."""
        deadline = time.monotonic() + settle_s
        before = (await self.once())[0].digest  # not the world itself: a large one fills the memory once
        while True:
            world, violations = await self.once()
            now = world.digest
            if now == before and _is_quiet(world):
                return world, violations
            if time.monotonic() > deadline:
                raise ConsoleError(
                    f"something still moves after {settle_s:.0f} s", then="lutong verify --live 30, or lutong status"
                )
            before = now

    async def live(self, tolerance_s: float) -> tuple[World, list[Violation]]:
        """Under load: what is broken at two looks, the tolerance apart, is not merely in flight."""
        _, earlier = await self.once()
        await asyncio.sleep(tolerance_s)
        world, later = await self.once()
        return world, confirmed(earlier, later)


def _is_quiet(world: World) -> bool:
    """Nothing committed waits for the relay."""
    return not any(world.rows(service, "pending") for service in world.tables)


def _print(world: World, violations: list[Violation], unchecked: Mapping[str, str]) -> None:
    out.print(table(["identity", "result", "what must be so"], judged(violations, unchecked)))
    for violation in violations[:_SHOWN_MAX]:
        out.print(line((violation.identity, "red"), f" {violation.what}: {violation.witness}"))
    if len(violations) > _SHOWN_MAX:
        out.print(f"and {len(violations) - _SHOWN_MAX} more; --json shows all")
    out.print(
        f"verify: {counted(len(violations), 'violation')}, {counted(len(world.records), 'record')}, "
        f"{counted(_rows(world), 'row')}"
    )


class Judged(NamedTuple):
    """A line of the table of results."""

    identity: str
    result: Text
    meaning: str


def judged(violations: Sequence[Violation], unchecked: Mapping[str, str]) -> list[Judged]:
    """Each identity with its result: what nothing was compared with does not hold, it was not checked."""
    counts = Counter(violation.identity for violation in violations)
    return [Judged(name, line(_result(counts[name], unchecked.get(name))), words) for name, words in WORDS.items()]


def _result(broken: int, option: str | None) -> tuple[str, str]:
    if option:
        return f"not checked (give {option})", "dim"
    return (f"{broken} broken", "red") if broken else ("holds", "green")


def _as_json(world: World, violations: list[Violation], unchecked: list[str]) -> dict[str, Any]:
    return {
        "holds": [name for name in NAMES if name not in {*unchecked, *(v.identity for v in violations)}],
        "not_checked": unchecked,
        "violations": [{"identity": v.identity, "what": v.what, "witness": v.witness} for v in violations],
        "records": len(world.records),
        "rows": _rows(world),
    }


def _rows(world: World) -> int:
    return sum(len(rows) for tables in world.tables.values() for rows in tables.values())
