"""make bench: the same chain of orders through five ways of building it, in one run on one machine.

Repetitions are interleaved, so that a noisy minute hits everybody; medians are compared, never times.
"""

import argparse
import json
import logging
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from lutong_local.stack import infrastructure
from tests.bench.picture import bars
from tests.bench.runs import latency, throughput

RESULTS: Final = Path(__file__).parent / "results"
PICTURE: Final = Path(__file__).parents[2] / "docs" / "bench.svg"

WAYS: Final = {
    "lutong": ("Lutong", "loses nothing, doubles nothing, per key in order, poison set aside", 30_000),
    "floor": ("floor: by hand, in batches", "loses and doubles nothing; one replica; poison stops it", 30_000),
    "batched": ("FastStream batches", "loses and doubles when killed; order of keys lost", 30_000),
    "outboxed": ("faststream-outbox", "loses nothing; doubles when killed; order best effort", 1_000),
    "plain": ("plain FastStream", "loses and doubles when killed", 1_500),
}


def main() -> None:
    """Run, print the table and the line, write the results."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small repetition, in three minutes")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # fresh topics have no leader for a moment
    repetitions, share = (1, 0.3) if options.quick else (options.repetitions, 1.0)
    with infrastructure(Path(tempfile.mkdtemp(prefix="lutong-bench-")) / "stack") as stack:
        found = measure(stack, repetitions, share)
    results = {"at": time.strftime("%Y-%m-%d"), "quick": options.quick} | found
    if not options.quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "latest.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        PICTURE.write_text(bars({WAYS[way][0]: row["orders_per_s"] for way, row in found["ways"].items()}))
    if options.json:
        sys.stdout.write(json.dumps(results, indent=2) + "\n")
    else:
        show(found["ways"])
    rates = {way: row["orders_per_s"] for way, row in found["ways"].items()}
    sys.stdout.write(
        f"bench: lutong {rates['lutong']:.0f} orders/s, {rates['lutong'] / rates['floor']:.2f} of floor, "
        f"{rates['lutong'] / rates['plain']:.0f} times plain faststream\n"
    )


def measure(stack: Any, repetitions: int, share: float) -> dict[str, Any]:  # noqa: ANN401  # a Stack of infrastructure alone
    """Every way, turn by turn; medians with their spread."""
    rates: dict[str, list[dict[str, float]]] = defaultdict(list)
    waits: dict[str, list[dict[str, float]]] = defaultdict(list)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("bench", total=repetitions * (len(WAYS) + 2))
        for _ in range(repetitions):
            for way, (name, _, orders) in WAYS.items():
                progress.update(task, description=name)
                rates[way].append(throughput(stack, way, max(300, int(orders * share))))
                progress.advance(task)
            for way in ("lutong", "floor"):
                progress.update(task, description=f"{WAYS[way][0]} at 5 orders/s")
                waits[way].append(latency(stack, way, 5, 30 * share))
                progress.advance(task)
    ways = {way: middle(found) | spread(found) | middle(waits[way]) for way, found in rates.items()}
    return {"repetitions": repetitions, "ways": ways}


def middle(found: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {name: round(statistics.median(row[name] for row in found), 3) for name in (found[0] if found else ())}


def spread(found: list[dict[str, float]]) -> dict[str, float]:
    """The range of the rates, as a share of their median."""
    rates = [row["orders_per_s"] for row in found]
    return {"spread": round((max(rates) - min(rates)) / statistics.median(rates), 2)}


def show(ways: dict[str, dict[str, float]]) -> None:
    """The table that people look at."""
    table = Table(title="hold credit → reserve stock → capture, two services, one Kafka, one PostgreSQL")
    for column in ("way", "orders/s", "spread", "CPU ms/order", "services only", "peak MB", "p50/p95/p99 ms at 5/s"):
        table.add_column(column, justify="left" if column == "way" else "right")
    for way, row in ways.items():
        cpu = {name: value for name, value in row.items() if name.startswith("cpu_ms_")}
        services = cpu["cpu_ms_credit"] + cpu["cpu_ms_stock"]
        waited = "/".join(f"{row[f'{p}_ms']:.0f}" for p in ("p50", "p95", "p99")) if "p50_ms" in row else ""
        memory = f"{max(row['peak_mb_credit'], row['peak_mb_stock']):.0f}"
        name = f"{WAYS[way][0]}\n[dim]{WAYS[way][1]}[/]"
        table.add_row(
            name,
            f"{row['orders_per_s']:.0f}",
            f"{row['spread']:.0%}",
            f"{sum(cpu.values()):.2f}",
            f"{services:.2f}",
            memory,
            waited,
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
