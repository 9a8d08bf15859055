"""How fast orders are sourced: a thousand buyers, ten thousand stores with fifty SKUs each, and up to a million shelves.

    python -m tests.bench.sourcing --orders 1000 --shelves 10000 100000 500000 1000000

Inventory decides, on a PostgreSQL that is started for it and gone afterwards: each order is looked up, decided on, set aside and published in one
transaction, as when it comes from Kafka, in batches and one by one. Every order is served by the store that an exact search in memory finds.
"""

import argparse
import asyncio
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

import asyncpg
from geographiclib.geodesic import Geodesic

from lutong_chassis import database
from lutong_chassis.testing import create_database, deliver, migrate_database, settings_for
from lutong_contracts.membership import CreditHeld
from lutong_contracts.values import Line, Place
from lutong_inventory.app import service
from lutong_inventory.handlers import handlers
from lutong_local.ports import free_port
from lutong_local.postgres import admin_url, prepare_postgres, wait_for_postgres
from lutong_local.processes import start, stop
from tests.bench.availability import CITIES, MERCHANT, RARE, fill
from tests.support.builders import a_hold

SKUS: Final = 50
BATCH: Final = 500


def orders(count: int, name: str, sku: str | None = None) -> list[CreditHeld]:
    """Buyers somewhere in those cities; each wants one to three SKUs."""
    rng = Random(name)
    found = []
    for n in range(count):
        latitude, longitude = rng.choice(CITIES)
        place = Place(latitude=latitude + rng.uniform(-0.2, 0.2), longitude=longitude + rng.uniform(-0.2, 0.2))
        skus = [sku] if sku else [f"sku-{each}" for each in rng.sample(range(1, SKUS), rng.randint(1, 3))]
        lines = tuple(Line(sku=each, units=1, unit_price_minor=100) for each in skus)
        held = a_hold(f"{name}-{n}", ("tea", 1))
        found.append(held.model_copy(update={"merchant_id": MERCHANT, "destination": place.coarse(), "lines": lines}))
    return found


async def batches(pool: database.Pool, some: Sequence[CreditHeld]) -> float:
    """Orders per second, in batches."""
    began = time.perf_counter()
    for at in range(0, len(some), BATCH):
        await deliver(pool, handlers, *some[at : at + BATCH])
    return len(some) / (time.perf_counter() - began)


async def singly(pool: database.Pool, some: Sequence[CreditHeld]) -> dict[str, float]:
    """p50 and p99 in ms of one order in a transaction of its own; the first ones warm up."""
    took = []
    for order in some:
        began = time.perf_counter()
        await deliver(pool, handlers, order)
        took.append((time.perf_counter() - began) * 1000)
    took = sorted(took[len(took) // 10 :])
    return {"p50_ms": round(took[len(took) // 2], 2), "p99_ms": round(took[int(len(took) * 0.99)], 2)}


async def not_the_nearest(pool: database.Pool, name: str, sample: int) -> int:
    """Of a sample of orders, how many are not at the nearest store: by every store there is, measured on the ellipsoid. Shelves are
    deep, so that the nearest one has it all."""
    stores = await pool.fetch("SELECT location_id, latitude, longitude FROM location WHERE merchant_id = $1", MERCHANT)
    served = await pool.fetch(
        "SELECT latitude, longitude, distance_m FROM customer_order WHERE order_id LIKE $1 ORDER BY order_id LIMIT $2",
        f"{name}-%",
        sample,
    )
    wrong = 0
    for row in served:
        near = sorted(
            stores, key=lambda s: (s["latitude"] - row["latitude"]) ** 2 + (s["longitude"] - row["longitude"]) ** 2
        )
        metres = min(
            Geodesic.WGS84.Inverse(row["latitude"], row["longitude"], each["latitude"], each["longitude"])["s12"]
            for each in near[:200]
        )
        wrong += row["distance_m"] is None or abs(row["distance_m"] - round(metres)) > 1
    return wrong


async def measure(admin: str, shelves: int, count: int) -> dict[str, Any]:
    """One size, on a database of its own."""
    url = await create_database(admin, f"sourcing_{shelves}")
    await migrate_database(url, service.migrations)
    connection = await asyncpg.connect(url)
    await fill(connection, shelves // SKUS, SKUS)
    await connection.close()
    pool = await database.connect(settings_for(url))
    try:
        await deliver(pool, handlers, *orders(BATCH, "warm"))
        return {
            "shelves": shelves,
            "stores": shelves // SKUS,
            "orders_per_s": round(await batches(pool, orders(count, "batch"))),
            "one": await singly(pool, orders(count, "one")),
            "one_that_3_percent_have": await singly(pool, orders(count // 4, "rare", RARE)),
            "not_the_nearest": await not_the_nearest(pool, "batch", 200),
            "rejected": await pool.fetchval("SELECT count(*) FROM customer_order WHERE state = 'rejected'"),
        }
    finally:
        await pool.close()


def main() -> None:
    """Measure, and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=1_000)
    parser.add_argument("--shelves", type=int, nargs="+", default=[10_000, 100_000, 500_000, 1_000_000])
    parser.add_argument("--out", type=Path, help="write it into this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lutong-sourcing-", dir="/var/tmp") as directory:
        port, password = free_port(), secrets.token_hex(16)
        child = start(prepare_postgres(Path(directory), port, password, lambda _: None))
        try:
            wait_for_postgres(child, port, password)
            admin = admin_url(port, password)
            found = [asyncio.run(measure(admin, shelves, given.orders)) for shelves in given.shelves]
        finally:
            stop(child)
    document = {"skus": SKUS, "orders": given.orders, "batch": BATCH, "sizes": found, "load": os.getloadavg()}
    if given.out:
        given.out.write_text(json.dumps(document, indent=2) + "\n")
    else:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
