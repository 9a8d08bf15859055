"""How Lutong's throughput bends: with the backlog, the replicas, the size of a batch, hot keys, and rows.

Each curve is compared with its own first point, in the same run.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from lutong_local.stack import Stack
from tests.bench.runs import Scale, throughput

Point = tuple[str, Callable[[Stack], dict[str, float]]]

BACKLOGS: Final = (10_000, 100_000, 1_000_000)
REPLICAS: Final = (1, 2, 4)
BATCHES: Final = (2_000, 1_000, 500, 100, 20, 5, 1)
KEYS: Final = (10_000, 1_000, 100, 10, 1)
ROWS: Final = (10_000, 100_000, 1_000_000)


def curves(share: float) -> dict[str, list[Point]]:
    """All curves as things to run; `share` scales the work down."""
    orders = max(500, int(20_000 * share))
    run = partial(throughput, variant="lutong", orders=orders)
    return {
        "backlog, events": [(f"{n:,}", partial(run, orders=int(n * share) // 3)) for n in BACKLOGS],
        "replicas of each service": [(f"{n}", partial(run, replicas=n)) for n in REPLICAS],
        "events per batch at most": [
            (f"{n:,}", partial(run, orders=min(orders, max(300, n * 1_000)), LUTONG_BATCH_RECORDS_MAX=str(n)))
            for n in BATCHES
        ],
        "keys that orders are spread over": [
            (f"{n:,}", partial(run, scale=Scale(n, keyed_by_member=True))) for n in KEYS
        ],
        "accounts, and as many rows of stock": [(f"{n:,}", partial(run, scale=Scale(n, n))) for n in ROWS],
    }


def rows_of(found: list[tuple[str, dict[str, float]]]) -> list[dict[str, Any]]:
    """Points as rows, each with its ratio to the first."""
    first = found[0][1]["orders_per_s"]
    return [
        {
            "at": label,
            "orders_per_s": point["orders_per_s"],
            "of_first": round(point["orders_per_s"] / first, 2),
            "peak_mb": max(point["peak_mb_credit"], point["peak_mb_stock"]),
        }
        for label, point in found
    ]
