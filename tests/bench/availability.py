"""How fast availability is: 10,000 stores with 50 SKUs each, beside the one statement that it cannot do without.

    python -m tests.bench.availability --stack NAME --stores 10000 --skus 50

The stack has to run. Rows are written into inventory's database by one statement each, and stay there.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

import asyncpg
import httpx

from lutong_console.targets import Suite, suite
from lutong_contracts.values import Line, Place
from lutong_inventory.sourcing.domain.decision import wish_of
from lutong_inventory.sourcing.handlers import STORES_LOOKED_UP
from lutong_inventory.sourcing.store.candidates import find

MERCHANT: Final = "availability-bench"
CITIES: Final = ((39.9, 116.4), (31.23, 121.47), (23.13, 113.26), (22.54, 114.06), (30.27, 120.16), (30.57, 104.07))
RARE: Final = "sku-0"
"""Every store has most SKUs; `sku-0` only three of a hundred do."""


async def fill(connection: asyncpg.Connection, stores: int, skus: int) -> None:
    """Stores around cities, and their shelves."""
    rng = Random(1)
    places = [
        (f"b-{n}", latitude + rng.uniform(-0.25, 0.25), longitude + rng.uniform(-0.25, 0.25))
        for n, (latitude, longitude) in enumerate(rng.choices(CITIES, k=stores))
    ]
    await connection.execute(
        """
        INSERT INTO location (location_id, merchant_id, kind, name, latitude, longitude)
        SELECT id, $1, 'store', 'bench', latitude, longitude
          FROM unnest($2::text[], $3::float[], $4::float[]) AS given(id, latitude, longitude)
            ON CONFLICT DO NOTHING
        """,
        MERCHANT,
        *map(list, zip(*places, strict=True)),
    )
    await connection.execute(
        """
        INSERT INTO shelf (location_id, sku, on_hand)
        SELECT location_id, 'sku-' || n, CASE WHEN n = 0 THEN (substr(location_id, 3)::integer % 33 = 0)::integer ELSE 99 END
          FROM location CROSS JOIN generate_series(0, $2::integer - 1) AS n
         WHERE merchant_id = $1
            ON CONFLICT DO NOTHING
        """,
        MERCHANT,
        skus,
    )
    await connection.execute("VACUUM ANALYZE shelf")
    await connection.execute("VACUUM ANALYZE location")


def questions(count: int, skus: int, sku: str | None = None) -> list[dict[str, Any]]:
    """Members somewhere in those cities, who look at something."""
    rng = Random(2)
    found = []
    for _ in range(count):
        latitude, longitude = rng.choice(CITIES)
        place = {"latitude": latitude + rng.uniform(-0.2, 0.2), "longitude": longitude + rng.uniform(-0.2, 0.2)}
        found.append({"merchant_id": MERCHANT, "sku": sku or f"sku-{rng.randrange(1, skus)}", **place})
    return found


async def measured(work: Callable[[Any], Awaitable[object]], items: Sequence[Any]) -> dict[str, float]:
    """p50 and p99 in ms, one after the other; the first ones warm up."""
    took = []
    for item in items:
        began = time.perf_counter()
        await work(item)
        took.append((time.perf_counter() - began) * 1000)
    took = sorted(took[len(took) // 10 :])
    return {"p50_ms": round(took[len(took) // 2], 2), "p99_ms": round(took[int(len(took) * 0.99)], 2)}


async def measure(target: Suite, stores: int, skus: int, count: int) -> dict[str, Any]:
    """All ways, and the statement alone."""
    connection = await asyncpg.connect(target.database_urls["inventory"])
    await fill(connection, stores, skus)
    url = f"{target.urls['inventory']}/v1/availability"
    async with target.client(60) as client:

        async def ask(wanted: Any) -> httpx.Response:  # noqa: ANN401  # one or several
            body = {"wanted": wanted if isinstance(wanted, list) else [wanted]}
            return (await client.post(url, json=body)).raise_for_status()

        async def bare(wanted: dict[str, Any]) -> object:
            place = Place(latitude=wanted["latitude"], longitude=wanted["longitude"]).coarse()
            line = Line(sku=wanted["sku"], units=1, unit_price_minor=0)
            wish = wish_of("0", MERCHANT, place, "delivery", [line], 50_000)
            return await find(connection, [wish], datetime.now(UTC), STORES_LOOKED_UP)  # type: ignore[arg-type]  # fetch is all it needs

        one, rare = questions(count, skus), questions(count, skus, RARE)
        empty = questions(count // 4, skus, "nowhere")
        fifty = [questions(50 * (n + 1), skus)[-50:] for n in range(count // 20)]
        found = {
            "one": await measured(ask, one),
            "statement": await measured(bare, one),
            "one_that_3_percent_have": await measured(ask, rare),
            "its_statement": await measured(bare, rare),
            "one_that_nobody_has": await measured(ask, empty),
            "fifty_at_once": await measured(ask, fifty),
        }
    await connection.close()
    ratio = found["one"]["p50_ms"] / found["statement"]["p50_ms"]
    return {
        "stores": stores,
        "skus": skus,
        "questions": count,
        **found,
        "ratio_p50": round(ratio, 2),
        "load": os.getloadavg(),
    }


def main() -> None:
    """Measure, and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", default="default")
    parser.add_argument("--stores", type=int, default=10_000)
    parser.add_argument("--skus", type=int, default=50)
    parser.add_argument("--questions", type=int, default=1_000)
    given = parser.parse_args()
    document = asyncio.run(measure(suite(given.stack), given.stores, given.skus, given.questions))
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
