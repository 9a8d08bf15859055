"""Where the time goes: CPU by function while a backlog is worked off, and every statement of a batch with its plan.

py-spy samples the two services from outside. Statements are those of one batch through the handlers of the
chain, written down by asyncpg itself and then explained with the arguments they had, in a transaction that is
rolled back.
"""

import asyncio
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any, Final, NamedTuple

from lutong_chassis import database, outbox, relay
from lutong_chassis.database import Connection
from lutong_chassis.migrate import migrations
from lutong_chassis.processing import handle
from lutong_chassis.startup import CHASSIS_MIGRATIONS, prepare
from lutong_chassis.testing import a_received, settings_for
from lutong_contracts import Event
from lutong_local.stack import Stack
from tests.bench import chain
from tests.bench.runs import SERVICES, Run, databases, place
from tests.bench.variants.lutong import OrderPlaced, credit

BATCH: Final = 500
_SECONDS: Final = 12
_SHOWN: Final = 14
_MODULES: Final = {
    "lutong_chassis/envelope": "envelopes: headers, schema, JSON",
    "lutong_chassis": "chassis: inbox, outbox, relay, grouping",
    "lutong_contracts": "contracts",
    "tests/bench": "the chain's own rules and SQL",
    "aiokafka": "aiokafka",
    "asyncpg": "asyncpg",
    "faststream": "FastStream",
    "asyncio": "event loop",
    "uvloop": "event loop",
}


def where(frame: str) -> str:
    """The part of the program that a frame belongs to."""
    return next((part for module, part in _MODULES.items() if module in frame), "other")


def cpu(stack: Stack, orders: int) -> dict[str, Any]:
    """Sample both services while they work; gives shares of CPU by part (of the innermost frame that is ours or a library's)."""
    run = Run(stack, "lutong")
    found: dict[str, Any] = {}
    with databases(run):
        asyncio.run(place(run, orders))
        run.start()
        asyncio.run(run.until_captured(orders // 20))
        spies = []
        for service in SERVICES:
            out = stack.directory / f"{service}.folded"
            command = ["record", "--pid", str(run.replicas_of(service)[0].pid), "--duration", str(_SECONDS)]
            spy = [
                str(Path(sys.executable).parent / "py-spy"),
                *command,
                "--rate",
                "250",
                "--format",
                "raw",
                "-o",
                str(out),
            ]
            spies.append((service, out, subprocess.Popen(spy, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)))
        for service, out, spy_process in spies:
            spy_process.wait()
            found[service] = _shares(out.read_text(encoding="utf-8"))
        asyncio.run(run.until_captured(orders))
    return found


def _shares(folded: str) -> dict[str, Any]:
    parts: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for line in folded.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        parts[where(frames[-1])] += int(count)
        functions[frames[-1]] += int(count)
    total = max(1, sum(parts.values()))
    return {
        "samples": total,
        "parts": {name: round(count / total, 3) for name, count in parts.most_common()},
        "functions": {name: round(count / total, 3) for name, count in functions.most_common(_SHOWN)},
    }


class Statement(NamedTuple):
    """A statement that was sent, and how long PostgreSQL took for it."""

    query: str
    arguments: Sequence[Any]
    elapsed_s: float


@dataclass(slots=True, eq=False)
class Statements:
    """What was sent to PostgreSQL, in order."""

    statements: list[Statement] = field(default_factory=list)

    def __call__(self, record: Any) -> None:  # noqa: ANN401  # asyncpg's LoggedQuery
        self.statements.append(Statement(record.query, record.args or (), record.elapsed))


async def _explain(connection: Connection, query: str, arguments: Sequence[Any]) -> str:
    """The plan with its time and buffers, as two numbers and the scans that it used. Its effects happen."""
    rows = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) {query}", *arguments)
    plan = "\n".join(row[0] for row in rows)
    took = re.search(r"Execution Time: ([\d.]+) ms", plan)
    buffers = re.search(r"Buffers: (.*)", plan)
    scans = Counter(re.findall(r"(Index Only Scan|Index Scan|Bitmap Heap Scan|Seq Scan)", plan))
    seen = ", ".join(f"{n}× {name}" for name, n in scans.items())
    return f"{took.group(1) if took else '?'} ms; {buffers.group(1) if buffers else ''}; {seen}"


async def _one_batch(connection: Connection, first: int) -> None:
    """A batch of 500 events through the handler, and its way through the queue."""
    tx = database.Tx(connection, await connection.fetchval("SELECT now()"), database.new_cause())
    await handle(tx, [a_received(_an_event(first + n)) for n in range(BATCH)], credit)
    await relay.mark(connection, await relay.pending(connection, list(range(outbox.SHARDS)), BATCH))


async def _statements(run: Run) -> list[dict[str, Any]]:
    settings = settings_for(run.urls["credit"], kafka_bootstrap=run.stack.kafka_bootstrap)
    pool = await database.connect(settings)
    await prepare(pool, migrations("chassis", CHASSIS_MIGRATIONS), settings)
    log = Statements()
    async with pool.acquire() as connection:
        for batch in range(7):  # prepared statements settle on a plan after a few
            async with connection.transaction():
                await _one_batch(connection, batch * BATCH)
        rehearsal = connection.transaction()
        await rehearsal.start()
        connection.add_query_logger(log)
        await _one_batch(connection, 7 * BATCH)
        connection.remove_query_logger(log)
        await rehearsal.rollback()

        explained = connection.transaction()  # in order, for each statement stands on the effects of those before
        await explained.start()
        rows = [
            {
                "statement": " ".join(query.split())[:110],
                "us_per_event": round(1e6 * elapsed_s / BATCH, 2),
                "plan": await _explain(connection, query, arguments),
            }
            for query, arguments, elapsed_s in log.statements
        ]
        await explained.rollback()
    await pool.close()
    return rows


def _an_event(number: int) -> Event:
    return OrderPlaced(**chain.an_order(number, time()).model_dump())


def hot(stack: Stack, share: float) -> dict[str, Any]:
    """CPU by part, and the statements of a batch of 500."""
    run = Run(stack, "lutong")
    with databases(run):
        statements = asyncio.run(_statements(run))
    return {"cpu": cpu(stack, max(6_000, int(60_000 * share))), "statements of a batch of 500": statements}
