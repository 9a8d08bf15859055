"""`make bench PART=peers`: the chain in Go and in Java beside Lutong and the floor, turn by turn, and each peer killed once."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from os import getloadavg
from statistics import median
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.progress import Progress

from lutong_local.stack import Stack
from tests.bench.peers.build import Built, build
from tests.bench.peers.killed import killed
from tests.bench.peers.tally import in_kafka
from tests.bench.runs import Run, Watch, in_postgres, measured

_SERVICES: Final = ("credit", "stock")
_REPETITIONS: Final = 2


class Way(NamedTuple):
    """A way of building the chain: what it is, what it promises, and how many orders keep it busy for a while."""

    name: str
    promises: str
    orders: int
    watch: Watch = in_postgres


WAYS: Final = {
    "lutong": Way("Lutong", "loses and doubles nothing, per key in order, poison set aside", 12_000),
    "floor": Way("floor: asyncpg and aiokafka by hand", "loses and doubles nothing; one replica; poison stops it", 15_000),
    "franz": Way("franz-go and pgx by hand", "as the floor: loses and doubles nothing; one replica; poison stops it", 30_000),
    "watermill": Way("Watermill, its SQL outbox and Forwarder", "loses nothing; events twice; poison stops a partition", 1_500),
    "streams": Way("Kafka Streams, exactly_once_v2",
                   "loses and doubles nothing within Kafka; state beside PostgreSQL; poison stops it", 8_000, in_kafka),
}  # fmt: skip
PEERS: Final = ("franz", "watermill", "streams")


def peers(stack: Stack, share: float) -> dict[str, Any]:
    """Every way that can be built here, its ratios to the floor, and what a kill did to it."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    built, began = build(), getloadavg()[0]
    ways = [way for way in WAYS if way in built.programs or way not in PEERS]
    repetitions = _REPETITIONS if share == 1.0 else 1
    rates: dict[str, list[dict[str, float]]] = defaultdict(list)
    kills: dict[str, dict[str, Any]] = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("peers", total=repetitions * len(ways) + len(built.programs))
        for _ in range(repetitions):
            for way in ways:
                progress.update(task, description=WAYS[way].name)
                run, environment = a_run(stack, way, built)
                orders = max(600, int(WAYS[way].orders * share))
                rates[way].append(measured(run, orders, environment, watch=WAYS[way].watch))
                progress.advance(task)
        for way in built.programs:
            progress.update(task, description=f"{WAYS[way].name}, killed")
            run, environment = a_run(stack, way, built)
            kills[way] = killed(run, max(600, int(WAYS[way].orders * share / 3)), environment)
            progress.advance(task)
    found = rows_of(rates)
    return {
        "peers": found,
        "killed": [{"way": way} | kill for way, kill in kills.items()],
        "promises": {way: f"{WAYS[way].name}: {WAYS[way].promises}" for way in ways},
        "missing": built.missing,
        "load": [round(began, 1), round(getloadavg()[0], 1)],
        "repetitions": repetitions,
        "line": line_of(found, built.missing),
    }


def a_run(stack: Stack, way: str, built: Built) -> tuple[Run, dict[str, str]]:
    """A fresh run of a way, and what it finds in its environment."""
    run = Run(stack, way, program=built.programs.get(way, ()))
    return run, {"BENCH_STATE": str(stack.directory / f"state-{run.suffix}")}


def rows_of(rates: Mapping[str, Sequence[Mapping[str, float]]]) -> list[dict[str, Any]]:
    """A row for each way: medians, and ratios to the floor of the same run."""
    middle = {
        way: {name: median(one[name] for one in found) for name in found[0]} for way, found in rates.items() if found
    }
    floor = middle["floor"]
    return [
        {
            "way": way,
            "orders_per_s": round(row["orders_per_s"]),
            "of_floor": round(row["orders_per_s"] / floor["orders_per_s"], 2),
            "spread": _spread([one["orders_per_s"] for one in rates[way]]),
            "services_cpu_ms": round(_services(row), 3),
            "all_cpu_ms": round(_everything(row), 3),
            "all_cpu_of_floor": round(_everything(row) / _everything(floor), 2),
            "kafka_cpu_ms": round(row["cpu_ms_kafka"], 3),
            "postgres_cpu_ms": round(row["cpu_ms_postgres"], 3),
            "peak_mb": max(row["peak_mb_credit"], row["peak_mb_stock"]),
        }
        for way, row in middle.items()
    ]


def line_of(found: Sequence[Mapping[str, Any]], missing: Mapping[str, str]) -> str:
    """`bench peers: …`: rate and CPU of each way as a multiple of the floor's, and who is missing and why."""
    compared = [
        f"{row['way']} {row['of_floor']} at {row['all_cpu_of_floor']}" for row in found if row["way"] != "floor"
    ]
    skipped = "".join(f"; {way} skipped: {why}" for way, why in missing.items())
    return f"bench peers: orders/s of the floor at CPU per order of the floor: {', '.join(compared)}{skipped}"


def _services(row: Mapping[str, float]) -> float:
    return sum(row[f"cpu_ms_{name}"] for name in _SERVICES)


def _everything(row: Mapping[str, float]) -> float:
    return _services(row) + row["cpu_ms_kafka"] + row["cpu_ms_postgres"]


def _spread(found: Sequence[float]) -> float:
    """The range, as a share of the median."""
    return round((max(found) - min(found)) / median(found), 2)
