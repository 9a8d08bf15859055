"""What `lutong verify` takes of a large suite: memory, disk and time, by the number of events.

    python -m tests.bench.verifying --events 100000 1000000

Tables are filled by SQL and topics from the outboxes; then a process of its own looks and judges. It has to find nothing,
and one thing that is planted afterwards: a look that read nothing would find nothing, too.
"""

import argparse
import asyncio
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import structlog
from confluent_kafka import Producer

from lutong_chassis import topics
from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.testing import create_database, drop_database, migrate_database
from lutong_console.targets import Suite
from lutong_console.verify.collect import collect
from lutong_console.verify.identities import IDENTITIES
from lutong_console.verify.world import World
from lutong_contracts import TOPICS
from lutong_feed.app import service as feed
from lutong_inventory.app import service as inventory
from lutong_local.stack import Stack, infrastructure
from lutong_membership.app import service as membership
from lutong_registry.app import service as registry

RESULTS: Final = Path(__file__).parent / "results" / "verifying.json"
_SQL: Final = Path(__file__).with_suffix(".sql")
_SERVICES: Final = {service.name: service for service in (feed, registry, membership, inventory)}
HANDLED: Final = {
    "feed": ["lutong.inventory.order-sourced.v1", "lutong.inventory.order-fulfilled.v1"],
    "registry": ["lutong.inventory.order-fulfilled.v1"],
    "membership": ["lutong.feed.service-requested.v1", "lutong.inventory.order-fulfilled.v1"],
    "inventory": ["lutong.membership.credit-held.v1"],
}
EVENTS_PER_ORDER: Final = 5
ORDERS_PER_MEMBER: Final = 10


def main() -> None:
    """Measure each size, print and keep what was seen."""
    parser = argparse.ArgumentParser(prog="verifying", description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--look", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.look:
        asyncio.run(_look(json.loads(options.look)))
        return
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    found = {}
    for events in options.events:
        with infrastructure(Path(tempfile.mkdtemp(prefix="lutong-verifying-"))) as stack:
            found[f"{events:,} events"] = asyncio.run(_measure(stack, events))
        sys.stdout.write(f"{events:,}: {json.dumps(found[f'{events:,} events'])}\n")
        sys.stdout.flush()
    RESULTS.write_text(json.dumps({"at": time.strftime("%Y-%m-%d"), "verifying": found}, indent=2) + "\n")


async def _measure(stack: Stack, events: int) -> dict[str, Any]:
    orders = events // EVENTS_PER_ORDER
    urls = {}
    for name, service in _SERVICES.items():
        urls[name] = await create_database(stack.admin_url, f"verifying_{name}")
        await migrate_database(urls[name], service.migrations)
    try:
        began = time.perf_counter()
        await asyncio.gather(*(_fill(url, name, orders) for name, url in urls.items()))
        await topics.apply(stack.kafka, TOPICS)
        records = sum([await _publish(stack.kafka, url, name) for name, url in urls.items()])
        await _take_in(urls)
        filled_s = time.perf_counter() - began
        look = {"bootstrap": stack.kafka_bootstrap, "urls": urls}
        clean = await asyncio.to_thread(_look_elsewhere, look)
        assert (clean["violations"], clean["records"]) == (0, records), clean
        await _execute(urls["membership"], "UPDATE hold SET currency = 'EUR' WHERE order_id = 'o-1'")
        broken = await asyncio.to_thread(_look_elsewhere, look) if events <= 1_000_000 else {"violations": "not run"}
        return clean | {"planted": broken["violations"], "filled_s": round(filled_s)}
    finally:
        for name in urls:
            await drop_database(stack.admin_url, f"verifying_{name}")


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET session_replication_role = replica")  # neither triggers nor foreign keys
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _fill(url: str, name: str, orders: int) -> None:
    part = _SQL.read_text().split(f"-- service: {name}\n")[1].split("-- service:")[0]
    numbers = part.replace("$1", f"{orders}::bigint").replace("$2", f"{max(1, orders // ORDERS_PER_MEMBER)}::bigint")
    await _execute(url, *(statement for statement in numbers.split(";\n") if statement.strip()), "ANALYZE")


async def _publish(kafka: KafkaAccess, url: str, name: str) -> int:
    """All of an outbox onto its topics, as a relay does; gives how many."""
    producer = Producer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "linger.ms": 50,
            "compression.type": "lz4",
        }
    )
    connection, count = await asyncpg.connect(url), 0
    try:
        async with connection.transaction():
            sql = "SELECT event_id::text, topic, key, type, sequence::text, payload, written_at FROM outbox ORDER BY id"
            async for row in connection.cursor(sql, prefetch=10_000):
                headers = _headers(name, row)
                while True:
                    try:
                        producer.produce(row["topic"], row["payload"], row["key"], headers=headers)
                        break
                    except BufferError:
                        producer.poll(0.1)
                count += 1
                if count % 1_000 == 0:
                    producer.poll(0)
    finally:
        await connection.close()
    assert producer.flush(120) == 0
    return count


def _headers(name: str, row: asyncpg.Record) -> dict[str, str | bytes | None]:
    return {
        "ce_specversion": "1.0",
        "ce_id": row["event_id"],
        "ce_source": f"/lutong/{name}",
        "ce_type": row["type"],
        "ce_time": row["written_at"].isoformat(),
        "ce_sequence": row["sequence"],
        "ce_correlationid": "j",
        "content-type": "application/json",
    }


async def _take_in(urls: Mapping[str, str]) -> None:
    """Inboxes from the outboxes of others, by COPY."""
    columns = ["source", "id", "type", "topic", "partition", "offset", "key", "correlation_id", "occurred_at"]
    for name, types in HANDLED.items():
        for source, url in urls.items():
            theirs, ours = await asyncpg.connect(url), await asyncpg.connect(urls[name])
            sql = f"""
                SELECT '/lutong/{source}', event_id::text, type, topic, 0, 0::bigint, key, 'j', written_at
                  FROM outbox WHERE type = ANY($1)"""
            try:
                async with theirs.transaction():
                    cursor = await theirs.cursor(sql, types)
                    while rows := await cursor.fetch(20_000):
                        await ours.copy_records_to_table("inbox", records=[tuple(row) for row in rows], columns=columns)
            finally:
                await theirs.close()
                await ours.close()


def _look_elsewhere(look: Mapping[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", __spec__.name, "--look", json.dumps(look)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def _look(look: Mapping[str, Any]) -> None:
    """In a process of its own: one look, and what it took."""
    idle_mb, began = peak_mb(), time.perf_counter()
    target = Suite({}, KafkaAccess(look["bootstrap"]), look["urls"], httpx.Auth())
    world = await collect(target, {name: set(types) for name, types in HANDLED.items()})
    read_s, read_mb, found, first, took = time.perf_counter() - began, peak_mb(), 0, "", {}
    for name, identity in IDENTITIES.items():
        at = time.perf_counter()
        for violation in identity(world):
            found += 1
            first = first or str(violation)
        took[name] = round(time.perf_counter() - at, 1)
    disk = sum(_size(world, schema) for schema in ("main", *_SERVICES))
    figures = {
        "records": world.records,
        "rows": world.rows,
        "violations": found,
        "first": first,
        "read_s": round(read_s, 1),
        "judged_s": round(sum(took.values()), 1),
        "idle_mb": idle_mb,
        "read_peak_mb": read_mb,
        "peak_mb": peak_mb(),
        "disk_mb": round(disk / 1e6),
        "identities_s": took,
    }
    world.close()
    sys.stdout.write(json.dumps(figures))


def _size(world: World, schema: str) -> int:
    sql = f"SELECT page_count * page_size AS bytes FROM pragma_page_count('{schema}'), pragma_page_size('{schema}')"
    return int(next(iter(world.select(sql)))["bytes"])


def peak_mb() -> int:
    """The most that this process held since it began; `ru_maxrss` would count its parent at the fork."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


if __name__ == "__main__":
    main()
