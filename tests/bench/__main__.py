"""make bench: the same chain of orders through five ways of building it, in one run on one machine.

Repetitions are interleaved and each way works for about as long (half a minute where this was written), so that
a noisy minute hits everybody, and what is slow at first is as small a part of each; medians are compared, never times.
PART=curves, fanout, timelines, search, soak, hot, rows, road or peers measures one thing more closely; each prints JSON and a table.
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

import structlog
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from lutong_local.stack import Stack, infrastructure
from tests.bench import parts
from tests.bench.picture import bars
from tests.bench.runs import latency, throughput

RESULTS: Final = Path(__file__).parent / "results"
PICTURE: Final = Path(__file__).parents[2] / "docs" / "bench.svg"

WAYS: Final = {
    "lutong": ("Lutong", "loses nothing, doubles nothing, per key in order, poison set aside", 75_000),
    "floor": ("floor: by hand, in batches", "loses and doubles nothing; one replica; poison stops it", 90_000),
    "batched": ("FastStream batches", "loses and doubles when killed; order of keys lost", 150_000),
    "outboxed": ("faststream-outbox", "loses nothing; doubles when killed; order best effort", 1_500),
    "plain": ("plain FastStream", "loses and doubles when killed", 3_600),
}
LATENCIES: Final = ("lutong", "floor")


def main() -> None:
    """Run, print the table and the line, write the results."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--part", choices=["ways", *parts.PARTS], default="ways")
    parser.add_argument(
        "--quick", action="store_true", help="one small repetition, in three minutes; results are not kept"
    )
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # fresh topics have no leader for a moment
    repetitions, share = (1, 0.15) if options.quick else (options.repetitions, 1.0)
    with infrastructure(Path(tempfile.mkdtemp(prefix="lutong-bench-"))) as stack:
        if options.part == "ways":
            found = measure(stack, repetitions, share)
        else:
            found = parts.measure(stack, options.part, share)
    results = {"at": time.strftime("%Y-%m-%d"), "quick": options.quick} | found
    if not options.quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{options.part}.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    if options.json:
        sys.stdout.write(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    elif options.part != "ways":
        parts.show(options.part, found)
    if options.part == "ways":
        conclude(found["ways"], quick=options.quick, as_json=options.json)


def conclude(ways: dict[str, dict[str, float]], *, quick: bool, as_json: bool) -> None:
    """The table, the picture, and the line that says it."""
    if not as_json:
        show(ways)
    rates = {way: row["orders_per_s"] for way, row in ways.items()}
    if not quick:
        PICTURE.write_text(bars({WAYS[way][0]: rate for way, rate in rates.items()}), encoding="utf-8")
    sys.stdout.write(
        f"bench: lutong {rates['lutong']:.0f} orders/s, {rates['lutong'] / rates['floor']:.2f} of floor, "
        f"{rates['lutong'] / rates['plain']:.0f} times plain faststream\n"
    )


def measure(stack: Stack, repetitions: int, share: float) -> dict[str, Any]:
    """Every way, turn by turn; medians with their spread."""
    rates: dict[str, list[dict[str, float]]] = defaultdict(list)
    waits: dict[str, list[dict[str, float]]] = defaultdict(list)
    half: dict[str, list[dict[str, float]]] = defaultdict(list)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("bench", total=repetitions * (len(WAYS) + 2 * len(LATENCIES)))
        for _ in range(repetitions):
            for way, (name, _, orders) in WAYS.items():
                progress.update(task, description=name)
                rates[way].append(throughput(stack, way, max(90, int(orders * share))))
                progress.advance(task)
            for way in LATENCIES:
                progress.update(task, description=f"{WAYS[way][0]} at 5 orders/s")
                waits[way].append(latency(stack, way, 5, 30 * share))
                progress.advance(task)
            for way in LATENCIES:
                progress.update(task, description=f"{WAYS[way][0]} at half its load")
                rate = statistics.median(row["orders_per_s"] for row in rates[way]) / 2
                half[way].append(latency(stack, way, rate, 15 * share))
                progress.advance(task)
    ways = {
        way: middle(found) | spread(found) | middle(waits[way])
        | {f"half_load_{name}": value for name, value in middle(half[way]).items()}
        for way, found in rates.items()
    }  # fmt: skip
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
    table = Table(title="hold credit → reserve stock → capture: two services, one Kafka, one PostgreSQL")
    table.add_column("way")
    for column in ("orders/s", "spread", "CPU ms/order:\nservices", "+ Kafka,\nPostgreSQL", "peak MB"):
        table.add_column(column, justify="right")
    for column in ("p50/p95/p99 ms\nat 5 orders/s", "at half load"):
        table.add_column(column, justify="right")
    for way, row in ways.items():
        services = row["cpu_ms_credit"] + row["cpu_ms_stock"]
        table.add_row(
            f"{WAYS[way][0]}\n[dim]{WAYS[way][1]}[/]",
            f"{row['orders_per_s']:.0f}",
            f"{row['spread']:.0%}",
            f"{services:.2f}",
            f"{services + row['cpu_ms_kafka'] + row['cpu_ms_postgres']:.2f}",
            f"{max(row['peak_mb_credit'], row['peak_mb_stock']):.0f}",
            _waited(row, ""),
            _waited(row, "half_load_"),
        )
    Console(width=150).print(table)


def _waited(row: dict[str, float], prefix: str) -> str:
    return "/".join(f"{row[f'{prefix}{p}_ms']:.0f}" for p in ("p50", "p95", "p99")) if f"{prefix}p50_ms" in row else ""


if __name__ == "__main__":
    main()
