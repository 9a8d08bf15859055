"""lutong parked redrive and discard: one record, some, a group or all; tried without effect first, if that is wanted."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final, NamedTuple

import httpx
import typer

from lutong_console.cli.errors import PROBLEM, USAGE, ConsoleError
from lutong_console.cli.screen import echo, emit_json, err, line, out, table
from lutong_console.parked_records import (
    PER_S,
    SELECTION_MAX,
    Order,
    Result,
    Selected,
    carry_out,
    outcomes,
    preflight,
    select,
)
from lutong_console.targets import Json, StackName, Suite, services, suite

_TIMEOUT_S: Final = 60.0

Service = Annotated[str, typer.Argument(help="feed, registry, membership or inventory.")]
Ids = Annotated[list[int] | None, typer.Argument(help="The ids that `lutong parked list` shows.")]
Group = Annotated[str | None, typer.Option("--group", help="All of a group that `lutong parked groups` shows.")]
Everything = Annotated[bool, typer.Option("--all", help="All that are open.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit table.")]
PerS = Annotated[float, typer.Option("--per-second", min=0.1, max=1000, help="How many are begun in a second.")]
KeepGoing = Annotated[bool, typer.Option("--keep-going", help="Go on when one fails, unless it is the first.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only report what it would do: it is tried, and rolled back.")]


class Chosen(NamedTuple):
    """Ids, or else the group of records; without either, all."""

    ids: tuple[int, ...]
    group: str | None


_WORDS: Final = {
    "applies": "will apply",
    "applied_before": "were applied already",
    "passed_over": "concern nobody here",
    "fails": "still fail",
    "busy": "are busy: nobody knows",
    "not_parked": "are not open",
}


def redrive(  # noqa: PLR0913  # one parameter per option
    service: Service,
    ids: Ids = None,
    stack: StackName = "default",
    *,
    group: Group = None,
    everything: Everything = False,
    reason: Reason = "",
    per_s: PerS = PER_S,
    keep_going: KeepGoing = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Handle parked records again, each with all that waited behind it, in order: one first, then the rest.

    Exit code 1 when one fails, or would. At most 1,000 at a time.
    """
    target = suite(stack)
    (name,) = services(target, service)
    if dry_run:
        foreseen = asyncio.run(_foresee(target, name, _chosen(ids, group, everything=everything)))
        _show_foreseen(foreseen, as_json=as_json)
        if any(each["error"] for each in foreseen):
            raise typer.Exit(PROBLEM)
        return
    order = Order("redrive", _required(reason), per_s, keep_going)
    _settle(target, name, _chosen(ids, group, everything=everything), order, as_json=as_json)


def discard(  # noqa: PLR0913  # one parameter per option
    service: Service,
    ids: Ids = None,
    stack: StackName = "default",
    *,
    group: Group = None,
    reason: Reason = "",
    per_s: PerS = PER_S,
    keep_going: KeepGoing = False,
    as_json: Json = False,
) -> None:
    """Give parked records up; the next that waited behind each takes its place. At most 1,000 at a time."""
    target = suite(stack)
    (name,) = services(target, service)
    order = Order("discard", _required(reason), per_s, keep_going)
    _settle(target, name, _chosen(ids, group, everything=False), order, as_json=as_json)


def _required(reason: str) -> str:
    if not reason.strip():
        raise ConsoleError("give --reason: it is kept in the audit table", code=USAGE)
    return reason


def _chosen(ids: Sequence[int] | None, group: str | None, *, everything: bool) -> Chosen:
    """What was chosen on the command line, in exactly one way."""
    if sum((bool(ids), group is not None, everything)) != 1:
        raise ConsoleError(
            "choose records by their ids, by --group or by --all", then="lutong parked groups", code=USAGE
        )
    if len(ids or ()) > SELECTION_MAX:
        raise ConsoleError(f"at most {SELECTION_MAX} records at a time", code=USAGE)
    return Chosen(tuple(ids or ()), group)


async def _selected(client: httpx.AsyncClient, url: str, chosen: Chosen) -> Selected:
    if chosen.ids:
        return Selected(list(chosen.ids), len(chosen.ids))
    selected = await select(client, url, chosen.group)
    if not selected.ids:
        raise ConsoleError("nothing is parked that fits", then="lutong parked groups")
    return selected


async def _foresee(target: Suite, service: str, chosen: Chosen) -> list[dict[str, Any]]:
    async with target.client(_TIMEOUT_S) as client:
        url = target.urls[service]
        return await preflight(client, url, (await _selected(client, url, chosen)).ids)


def _show_foreseen(foreseen: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    counts = outcomes(foreseen)
    if as_json:
        emit_json({"selected": len(foreseen), "outcomes": counts, "records": foreseen})
        return
    listed = ", ".join(f"{count} {_WORDS[name]}" for name, count in counts.items() if count)
    out.print(f"{len(foreseen)} selected: {listed}")
    if wrong := [each for each in foreseen if each["error"]]:
        rows = [(each["id"], each["stops_at"], each["error"]) for each in wrong]
        out.print(table(("id", "stops at", "why"), rows))


def _settle(target: Suite, service: str, chosen: Chosen, order: Order, *, as_json: bool) -> None:
    """Do it, report how it goes, and end with exit code 1 when something failed."""
    selected, results = asyncio.run(_carried_out(target, service, chosen, order))
    failed = [result for result in results if result.error]
    settled = sum(result.settled for result in results)
    left = len(selected.ids) - len(results)
    if as_json:
        key = "redriven" if order.verb == "redrive" else "discarded"
        emit_json({key: settled, "failed": [asdict(result) for result in failed], "left": left})
    else:
        if settled or not failed:
            out.print(f"{settled} went through" if order.verb == "redrive" else f"{settled} discarded")
        for result in failed:
            err.print(line(("error", "bold red"), f" #{result.id}: {result.error}"))
        if left:
            echo(f"{left} of {len(selected.ids)} were not begun: it ends at an error, unless --keep-going is given")
        if selected.total > len(selected.ids):
            echo(f"{selected.total - len(selected.ids)} more fit: repeat the command")
    if failed:
        raise typer.Exit(PROBLEM)


async def _carried_out(target: Suite, service: str, chosen: Chosen, order: Order) -> tuple[Selected, list[Result]]:
    results: list[Result] = []
    async with target.client(_TIMEOUT_S) as client:
        url = target.urls[service]
        selected = await _selected(client, url, chosen)
        with err.status(order.verb) as status:
            async for result in carry_out(client, url, selected.ids, order):
                results.append(result)
                status.update(f"{len(results)} of {len(selected.ids)}")
    return selected, results
