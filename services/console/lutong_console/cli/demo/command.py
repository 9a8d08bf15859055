"""lutong demo: bring the suite up, walk the roads, show each as it happens, tear down."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from lutong_console import running_console
from lutong_console.cli import given
from lutong_console.cli.commands.journey import Step
from lutong_console.cli.commands.stack import start
from lutong_console.cli.demo.faults import Seeded, seed
from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import Road, Scenario, new_run
from lutong_console.cli.demo.world import build_world
from lutong_console.cli.errors import PROBLEM, ConsoleError
from lutong_console.cli.screen import echo, emit_json, line, out, table
from lutong_console.deployment import COMPOSE
from lutong_console.targets import Json, Suite, stack_named, suite
from lutong_local import stack as local


@dataclass(frozen=True, slots=True)
class Walked:
    """How a road went."""

    road: Road
    journey: str
    events: int
    problems: list[str]


def _only_compose_by_itself(context: typer.Context, name: str) -> str:
    """A local stack is thrown away afterwards, so a variable of the shell names none; the containers it may name."""
    source = context.get_parameter_source("stack")
    by_itself = source is not None and source.name == "ENVIRONMENT" and name != COMPOSE
    return given.stack(context, "demo" if by_itself else name)


def demo(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the suite up, with three faults to find in the console.")
    ] = False,
    stack: Annotated[
        str,
        typer.Option(
            "--target",
            "--stack",
            help="`compose`, or the name of the local stack to use.",
            envvar=["LUTONG_TARGET"],
            callback=_only_compose_by_itself,
        ),
    ] = "demo",
    as_json: Json = False,
) -> None:
    """Play eight roads on a local Kafka and PostgreSQL, or in containers that run; each step by its own service."""
    with _running(stack, keep=keep):
        began = time.monotonic()
        walked = asyncio.run(_walk(suite(stack), quiet=as_json))
        took_ms = round((time.monotonic() - began) * 1000)
        left = asyncio.run(_leave_faults(suite(stack))) if keep and stack != COMPOSE else None
        if left and not as_json:
            _invite(stack)
    through = [each for each in walked if not each.problems]
    if as_json:
        emit_json([_as_json(each) for each in walked])
    events = sum(each.events for each in walked)
    (echo if as_json else out.print)(
        f"demo: {len(through)} of {len(ROADS)} roads through, {events} events, {took_ms} ms"
    )
    if len(through) < len(ROADS):
        raise typer.Exit(PROBLEM)


async def _leave_faults(target: Suite) -> Seeded:
    async with target.client(20) as client:
        return await seed(client, target, new_run())


def _invite(stack: str) -> None:
    """Report where the suite is, and that something is wrong with it."""
    out.print()
    out.print(table(["service", "url"], suite(stack).urls.items()))
    link = running_console.link(running_console.start(stack))
    out.print(line(("three things are wrong: find them, and mend them", "bold")))
    out.print(line(("有三处不对：请找出来，并修好它们", "bold")))
    running_console.show_link(link, as_json=False)
    echo(f"next: lutong reader --stack {stack} · lutong status --stack {stack} · lutong down --stack {stack} --purge")


@contextmanager
def _running(stack: str, *, keep: bool) -> Iterator[None]:
    """The suite, up for the block. Ctrl-C and failures stop it too, unless it is to be kept. Containers just stay.

    What was there before stays as it was: a stack that ran goes on, one that did not keeps its data.
    """
    if stack == COMPOSE:
        yield
        return
    is_new, ran = stack_named(stack) is None, not running_console.has_ended(stack)
    running = start(stack)
    try:
        yield
    finally:
        if not (keep or ran):
            local.down(running, echo, purge=is_new)


async def _walk(target: Suite, *, quiet: bool) -> list[Walked]:
    run = new_run()
    walked = []
    async with target.client(20) as client:
        await build_world(client, target, run)
        for road in ROADS:
            if not quiet:
                out.print()
                out.print(line((road.title, "bold")))
            show = (lambda _step, _ms: None) if quiet else _show
            scenario = Scenario(client, target, show, viewer=f"{road.letter}-{run}")
            walked.append(await _walk_one(road, scenario))
            if not quiet:
                _show_ends(scenario, walked[-1])
    return walked


async def _walk_one(road: Road, scenario: Scenario) -> Walked:
    """Walk a road; what is missing, too much, or not in its state is a problem."""
    problems = []
    try:
        await road.walk(scenario)
    except ConsoleError as error:
        problems.append(str(error))
    if scenario.journey:
        await scenario.look()
    wanted, came = Counter(road.events), Counter(step.name for step in scenario.seen)
    problems += [f"{name} is missing" for name in (wanted - came).elements()]
    problems += [f"{name} was not expected" for name in (came - wanted).elements()]
    problems += [f"{what} is not so" for what, so in scenario.ends.items() if not so]
    return Walked(road, scenario.journey, len(scenario.seen), problems)


def _show(step: Step, milliseconds: int) -> None:
    out.print(line(f"  {milliseconds:6} ms  ", (f"{step.service:10}", "cyan"), f"  {step.name:18} ", (step.key, "dim")))


def _show_ends(scenario: Scenario, walked: Walked) -> None:
    for what, so in scenario.ends.items():
        out.print(line("       ", ("ok", "green") if so else ("NO", "red"), f"  {what}"))
    for problem in walked.problems:
        out.print(line("       ", ("problem", "red"), f" {problem}"))
    out.print(f"       journey {walked.journey}", style="dim")


def _as_json(walked: Walked) -> dict[str, Any]:
    return {
        "road": walked.road.title,
        "through": not walked.problems,
        "journey": walked.journey,
        "events": walked.events,
        "problems": walked.problems,
    }
