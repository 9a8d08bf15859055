"""What a thousand bad records among fifty thousand cost everybody else.

`python -m tests.bench.poison` sends clean events at a steady pace, then as many with poison among
them, to one consumer, and compares how long the other keys waited, in the same run.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from lutong_local.stack import infrastructure
from tests.conftest import Infrastructure
from tests.integration.chassis.test_parking import poisoned
from tests.integration.chassis.toy import Counted
from tests.support.harness import Toy, a_record, a_toy, until

RATE: Final = 500.0
KEYS: Final = 2_000
KINDS: Final = ("bad_bytes", "bad_header", "unknown_type", "invalid", "bug")


async def send(toy: Toy, records: list[Any]) -> None:
    """Send records at a steady pace, each stamped when it leaves."""
    producer = AIOKafkaProducer(bootstrap_servers=toy.bootstrap, linger_ms=2)
    await producer.start()
    began = monotonic()
    try:
        for number, make in enumerate(records):
            await asyncio.sleep(max(0.0, began + number / RATE - monotonic()))  # a steady pace
            key, value, headers = await make()
            await producer.send(toy.consumed, key=key.encode(), value=value, headers=headers)
        await producer.flush()
    finally:
        await producer.stop()


def clean(key: str, place: int = 0) -> Any:  # noqa: ANN401  # makes a record when it is due
    async def make() -> Any:  # noqa: ANN401  # (key, value, headers)
        return a_record(Counted(counter_id=key, place=place))

    return make


def bad(key: str, kind: str) -> Any:  # noqa: ANN401  # makes a record when it is due
    async def make() -> Any:  # noqa: ANN401  # (key, value, headers)
        return a_record(Counted(counter_id=key, poison=True)) if kind == "bug" else await poisoned(key, kind)

    return make


async def waited_ms(toy: Toy, prefix: str) -> dict[str, float]:
    """How long events of some keys waited until they were handled, in ms."""
    rows = await toy.rows(
        """
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY waited) AS p50,
               percentile_cont(0.99) WITHIN GROUP (ORDER BY waited) AS p99
          FROM (SELECT extract(epoch FROM received_at - occurred_at)::float * 1000 AS waited
                  FROM inbox WHERE key LIKE $1) AS handled
        """,
        f"{prefix}-%",
    )
    return {"p50": round(rows[0]["p50"], 1), "p99": round(rows[0]["p99"], 1)}


async def measure(toy: Toy, total: int, poison: int) -> dict[str, Any]:
    """A clean run, then one with poison; each poison has a successor that must wait."""
    rng = random.Random(1)
    toy.start()
    await toy.ready()
    await send(toy, [clean(f"clean-{rng.randrange(KEYS)}") for _ in range(total // 5)])

    mixed = [clean(f"other-{rng.randrange(KEYS)}") for _ in range(total - 2 * poison)]
    places = sorted(rng.sample(range(len(mixed)), poison), reverse=True)
    for number, at in enumerate(places):
        later = min(len(mixed), at + rng.randint(1, 500))
        mixed.insert(later, clean(f"blocked-{number}", 1))
        mixed.insert(at, bad(f"blocked-{number}", KINDS[number % len(KINDS)]))
    await send(toy, mixed)

    async def all_seen() -> bool:
        rows = await toy.rows("SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM parked) AS seen")
        return bool(rows[0]["seen"] == total // 5 + total)

    await until(all_seen, "everything is handled or set aside", 120)
    states = await toy.rows("SELECT state, count(*) AS n FROM parked GROUP BY state")
    early = await toy.rows("SELECT FROM counter WHERE counter_id LIKE 'blocked-%'")
    return {
        "baseline": await waited_ms(toy, "clean"),
        "with_poison": await waited_ms(toy, "other"),
        "parked": {row["state"]: row["n"] for row in states},
        "applied_early": len(early),
    }


async def run(toy_on: Infrastructure, directory: Path, total: int, poison: int) -> dict[str, Any]:
    """Measure on a toy service of its own."""
    async with a_toy(toy_on, directory) as toy:
        return await measure(toy, total, poison)


def main() -> None:
    """Measure; exit code 1 when a blocked key was overtaken or a bad record was not set aside."""
    parser = argparse.ArgumentParser(prog="poison", description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--poison", type=int, default=1_000)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="lutong-poison-"))
    with infrastructure(directory / "stack") as local:
        toy_on = Infrastructure(local.kafka_bootstrap, local.admin_url)
        found = asyncio.run(run(toy_on, directory, options.events, options.poison))
    sys.stderr.write(json.dumps(found, indent=2) + "\n")
    ratio = found["with_poison"]["p99"] / found["baseline"]["p99"]
    sys.stdout.write(
        f"poison: p99 of other keys {ratio:.2f} times the baseline, {found['parked'].get('parked', 0)} parked, "
        f"{found['parked'].get('waiting', 0)} waiting behind them, {found['applied_early']} applied early\n"
    )
    expected = {"parked": options.poison, "waiting": options.poison}
    sys.exit(0 if found["parked"] == expected and not found["applied_early"] else 1)


if __name__ == "__main__":
    main()
