"""The parts of the benchmark that look at one thing more closely, and how each is shown."""

import sys
from collections.abc import Callable
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from lutong_local.stack import Stack
from tests.bench.curves import curves, rows_of
from tests.bench.fanout import fanout
from tests.bench.hot import hot
from tests.bench.peers.measure import peers
from tests.bench.road.measure import road
from tests.bench.rows import rows
from tests.bench.search import search
from tests.bench.soak import soak
from tests.bench.timelines import timelines


def _curves(stack: Stack, share: float) -> dict[str, Any]:
    found: dict[str, Any] = {}
    wanted = curves(share)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("curves", total=sum(map(len, wanted.values())))
        for curve, points in wanted.items():
            measured = []
            for label, run in points:
                progress.update(task, description=f"{curve}: {label}")
                measured.append((label, run(stack)))
                progress.advance(task)
            found[curve] = rows_of(measured)
    return found


def _soak(stack: Stack, share: float) -> dict[str, Any]:
    """Ten minutes of ours; the floor's growth per order needs two."""
    return {way: soak(stack, way, 150, duration_s * share) for way, duration_s in (("lutong", 600), ("floor", 120))}


PARTS: Final[dict[str, Callable[[Stack, float], dict[str, Any]]]] = {
    "curves": _curves,
    "fanout": fanout,
    "search": search,
    "soak": _soak,
    "hot": hot,
    "rows": rows,
    "road": road,
    "peers": peers,
    "timelines": timelines,
}


def measure(stack: Stack, part: str, share: float) -> dict[str, Any]:
    """Measure one part."""
    return {part: PARTS[part](stack, share)}


def show(part: str, found: dict[str, Any]) -> None:
    """One table for each list of rows, one for what is left."""
    console = Console(width=150)
    single = Table("figure", "value", title=part)
    _walk(console, single, "", found[part])
    if single.row_count:
        console.print(single)
    if "line" in found[part]:
        sys.stdout.write(f"{found[part]['line']}\n")


def _walk(console: Console, single: Table, name: str, value: Any) -> None:  # noqa: ANN401  # JSON
    if isinstance(value, list) and value and isinstance(value[0], dict):
        table = Table(*map(str, value[0]), title=name)
        for row in value:
            table.add_row(*(_text(cell) for cell in row.values()))
        console.print(table)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _walk(console, single, f"{name} · {key}".removeprefix(" · "), inner)
    else:
        single.add_row(name, _text(value))


def _text(value: Any) -> str:  # noqa: ANN401  # JSON
    if isinstance(value, dict):
        return ", ".join(f"{name} {inner}" for name, inner in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
