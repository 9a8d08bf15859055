"""lutong replay: a folder of files, taken in as `lutong import` does, then brought to its end; and what became of it."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer

from lutong_console.cli.commands.stack import start
from lutong_console.cli.errors import PROBLEM, USAGE, ConsoleError
from lutong_console.cli.replay.session import Session, session_with
from lutong_console.cli.screen import echo, emit_json, out, table
from lutong_console.imports.catalogue import Source, sources
from lutong_console.imports.command import Manner, Report, take
from lutong_console.imports.kinds.orders import OrderRow
from lutong_console.imports.kinds.stores import StoreRow
from lutong_console.imports.reading import Reader
from lutong_console.targets import Json, Suite, stack_named, suite
from lutong_local import stack as local

_CANCEL_EVERY: Final = 25
_STEPS: Final = ("accepted", "picked", "handed_over", "fulfilled")
_NEEDED: Final = ("stores", "orders")
_MANNER: Final = Manner()


def replay(
    folder: Annotated[
        Path, typer.Argument(help="A folder of files as `lutong import` takes them (docs/importing.md).")
    ],
    stack: Annotated[
        str, typer.Option("--stack", help="Local stack to use; started, and removed again, unless it runs.")
    ] = "replay",
    *,
    as_json: Json = False,
) -> None:
    """Import a folder, have locations serve its orders, and report counts and outcomes. Exit code 1 when they do not add up."""
    files = sources([folder], None)
    for kind in _NEEDED:
        if kind not in {source.kind.name for source in files}:
            raise ConsoleError(f"{folder} has no {kind}.csv and no {kind}.ndjson: a replay serves orders", code=USAGE)
    known = stack_named(stack)
    ran = known is not None and any(map(known.runs, known.children))
    running = start(stack)
    try:
        report = asyncio.run(_replay(suite(stack), files))
    finally:
        if not ran:
            local.down(running, echo, purge=True)
    if as_json:
        emit_json(report)
    else:
        out.print(table(["what", "count"], _flat(report).items()))
    if report["rejected"] or report["unended"] or report["parked"] or report["unbalanced"]:
        raise typer.Exit(PROBLEM)


async def _replay(target: Suite, files: Sequence[Source]) -> dict[str, Any]:
    began = time.monotonic()
    taken = [await take(source, target, _MANNER) for source in files]
    async with session_with(target) as session:
        await _settle(session)
        ordered = await _ordered(session, _rows(files, OrderRow))
        await _fulfil(session, ordered, _rows(files, StoreRow))
        report = await _report(session)
    return _counts(taken) | report | {"seconds": round(time.monotonic() - began, 1)}


def _counts(taken: Sequence[Report]) -> dict[str, Any]:
    rows = {report.kind: report.taken + report.known for report in taken}
    return {"rows": rows, "rejected": sum(report.rejected for report in taken)}


def _rows(files: Sequence[Source], wanted: type[Any]) -> list[Any]:
    """The rows of one kind that are right."""
    found: list[Any] = []
    for source in files:
        if source.kind.row is wanted:
            with source.path.open("rb") as file:
                reader = Reader(source, file, _MANNER.encoding)
                found += [read.row for read in reader if isinstance(read.row, wanted)]
    return found


async def _settle(session: Session) -> None:
    """Wait until all cards are resolved and all orders are answered."""

    async def unanswered() -> int:
        summary = await session.ask("feed", "GET", "/v1/summary")
        return int(summary["cards"].get("resolving", 0) + summary["requests"].get("requested", 0))

    await session.until_quiet("orders are answered", unanswered)


class Ordered(NamedTuple):
    """An order that a location has, and the viewer who placed it."""

    order_id: str
    viewer_id: str


async def _ordered(session: Session, rows: Sequence[OrderRow]) -> list[Ordered]:
    """What those who ordered have at locations now, in order of their ids."""

    async def of(viewer_id: str) -> list[Ordered]:
        requests = await session.ask("feed", "GET", f"/v1/accounts/{viewer_id}/requests")
        return [Ordered(each["order_id"], viewer_id) for each in requests if each["status"] == "sourced"]

    found = await session.each("orders at locations", sorted({row.viewer_id for row in rows}), of)
    return sorted(order for orders in found for order in orders)


async def _fulfil(session: Session, ordered: Sequence[Ordered], stores: Sequence[StoreRow]) -> None:
    """Some viewers change their mind; staff bring everything else, step by step."""

    async def cancel(order: Ordered) -> None:
        path = f"/v1/requests/{order.order_id}/cancellation"
        await session.ask("feed", "POST", path, json={"viewer_id": order.viewer_id})

    regretted = ordered[::_CANCEL_EVERY]
    await session.each("cancellations", regretted, cancel)
    kept = {order.order_id for order in ordered} - {order.order_id for order in regretted}
    places = sorted({(store.location_id, store.merchant_id) for store in stores})
    at_places = await session.each("orders of locations", places, lambda place: _sourced_at(session, *place))
    await _serve(session, [order for orders in at_places for order in orders if order in kept])

    async def open_ends() -> int:
        requests = (await session.ask("feed", "GET", "/v1/summary"))["requests"]
        holds = (await session.ask("membership", "GET", "/v1/summary"))["holds"]
        return int(requests.get("sourced", 0) + holds.get("held", 0))

    await session.until_quiet("ends meet", open_ends)


async def _serve(session: Session, order_ids: Sequence[str]) -> None:
    chunks = [order_ids[begin : begin + 200] for begin in range(0, len(order_ids), 200)]
    for step in _STEPS:
        await session.each(
            step,
            chunks,
            lambda chunk, step=step: session.ask(
                "inventory", "POST", "/v1/orders/steps/batch", json={"order_ids": chunk, "step": step}
            ),  # type: ignore[misc]  # mypy cannot type a lambda's default
        )


async def _sourced_at(session: Session, place: str, merchant_id: str) -> list[str]:
    found: list[str] = []
    while True:
        after = found[-1] if found else ""
        page = await session.ask(
            "inventory",
            "GET",
            f"/v1/locations/{place}/orders",
            params={"merchant_id": merchant_id, "after": after, "limit": 500},
        )
        found += [row["order_id"] for row in page]
        if len(page) < 500:
            return found


async def _report(session: Session) -> dict[str, Any]:
    feed, registry, membership, inventory = [
        await session.ask(service, "GET", "/v1/summary") for service in ("feed", "registry", "membership", "inventory")
    ]
    parked = [len(await session.ask(service, "GET", "/operations/parked")) for service in session.target.urls]
    off = {
        "unbalanced_entries": membership["unbalanced_entries"],
        "lines_off_ledger": membership["lines_off_ledger"],
        "shelves_off_movements": inventory["shelves_off_movements"],
        "reservations_off_shelves": inventory["reservations_off_shelves"],
        "captured_is_not_fulfilled": int(membership["captured_minor"] != inventory["fulfilled_minor"]),
    }
    ended = Counter(feed["requests"])
    return {
        "accounts": feed["accounts"],
        "follows": feed["follows"],
        "programs": registry["programs"],
        "locations": inventory["locations"],
        "posts_by_outcome": {"discovered": registry["discovered"], "not_found": registry["not_found"]},
        "cards": feed["cards"],
        "orders_by_outcome": dict(ended),
        "holds": membership["holds"],
        "ledger_entries": membership["entries"],
        "unended": ended["requested"]
        + ended["sourced"]
        + feed["cards"].get("resolving", 0)
        + membership["holds"].get("held", 0),
        "parked": sum(parked),
        "unbalanced": sum(off.values()),
        "balances": off,
    }


def _flat(report: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in report.items():
        flat |= {f"{name} {key}": count for key, count in value.items()} if isinstance(value, dict) else {name: value}
    return flat
