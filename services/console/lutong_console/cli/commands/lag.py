"""lutong lag: how far each service is behind, in events and in time, and whether that gets better."""

import asyncio
from typing import Annotated, Final

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from lutong_console import running_console
from lutong_console.cli.errors import PROBLEM, UNREACHABLE, USAGE, ConsoleError
from lutong_console.cli.screen import Rows, echo, emit_json, err, out, table
from lutong_console.pipeline import Sampler, Strip, Window, as_json
from lutong_console.targets import Json, StackName, Suite, suite

_EVERY_S: Final = 2.0
_SAMPLES: Final = 3
"""A verdict needs a window; so many samples are taken without --watch."""
_STYLES: Final = {"OK": "green", "WARN": "yellow", "STALL": "red", "STOP": "red", "REWIND": "yellow"}
_HEADINGS: Final = ("service", "verdict", "lag", "lag (s)", "drained in (s)", "parked", "outbox", "outbox (s)")


def lag(
    stack: StackName = "default",
    *,
    service: Annotated[str | None, typer.Option("--service", help="One service, partition by partition.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")] = False,
    json_: Json = False,
) -> None:
    """Show how far each service is behind. Exit code 1 when a verdict is not OK, 3 when a service does not answer."""
    target = suite(stack)
    if service is not None and service not in target.urls:
        raise ConsoleError(f"there is no service {service!r}: there are {', '.join(target.urls)}", code=USAGE)
    if watch:
        asyncio.run(_watch(target, as_json_lines=json_))
        return
    strips = asyncio.run(_window(target)).strips
    if service:
        _partitions(next(strip for strip in strips if strip.service == service), as_json_lines=json_)
    elif json_:
        emit_json([as_json(strip) for strip in strips])
    else:
        out.print(_shown(strips))
        running_console.name_page(stack, "/")
    if any(strip.verdict != "OK" for strip in strips):
        echo("next: lutong doctor")
        raise typer.Exit(UNREACHABLE if any(strip.verdict == "STOP" for strip in strips) else PROBLEM)


async def _window(target: Suite) -> Window:
    window, sampler = Window(), Sampler(target)
    for remaining in reversed(range(_SAMPLES)):
        window.add(await sampler.sample())
        if remaining:
            await asyncio.sleep(_EVERY_S / 2)  # the distance of two samples
    return window


async def _watch(target: Suite, *, as_json_lines: bool) -> None:
    window, sampler = Window(), Sampler(target)
    with Live(console=out, transient=False, auto_refresh=False) as screen:
        while True:
            window.add(await sampler.sample())
            if as_json_lines or not out.is_terminal:
                emit_json([as_json(strip) for strip in window.strips])
            else:
                screen.update(Group(_shown(window.strips)), refresh=True)
            await asyncio.sleep(_EVERY_S)  # the distance of two samples


def _shown(strips: list[Strip]) -> Rows:
    return table(_HEADINGS, [_cells(strip) for strip in strips])


def _cells(strip: Strip) -> tuple[object, ...]:
    verdict = Text(strip.verdict + (" ← narrowest" if strip.is_narrow else ""), _STYLES[strip.verdict])
    if strip.sample is None:
        return (strip.service, verdict, "?", "", "", "", "", "")
    drained = "-" if strip.drain_s is None else f"{strip.drain_s:.0f}"
    now = strip.sample
    ages = (f"{now.lag_age_s:.1f}", drained, now.parked_records, now.outbox_events, f"{now.outbox_age_s:.1f}")
    return (strip.service, verdict, now.lag_events, *ages)


def _partitions(strip: Strip, *, as_json_lines: bool) -> None:
    progress = strip.sample.progress if strip.sample else ()
    if as_json_lines:
        emit_json([each._asdict() | {"lag_events": each.lag_events} for each in progress])
        return
    if not progress:
        err.print("nothing is known: the service, or Kafka, does not answer")
    rows = sorted(progress, key=lambda each: -each.lag_events)
    out.print(
        table(
            ("topic", "partition", "next offset", "end", "lag"),
            [(each.topic, each.partition, each.committed, each.end, each.lag_events) for each in rows],
        )
    )
