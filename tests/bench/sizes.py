"""What orders cost in disk, CPU and memory: `python -m tests.bench.sizes --orders 3000`, on a suite of its own.

Disk is what databases and topics grew by, with indexes, after CHECKPOINT; CPU is that of each process; memory what each has at the
end. Ends with `bench sizes: <g> GB and <h> h of one core per million orders`.
"""

import argparse
import asyncio
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.table import Table

from lutong_contracts.topics import SERVICES
from lutong_local.stack import Stack
from tests.bench.road import scene
from tests.bench.road.measure import roads, suite


async def disk_bytes(stack: Stack) -> dict[str, int]:
    """The size of each database, and of the topics in Kafka."""
    found: dict[str, int] = {}
    connection = await asyncpg.connect(stack.admin_url)
    try:
        await connection.execute("CHECKPOINT")
        for service in SERVICES:
            found[service] = await connection.fetchval("SELECT pg_database_size($1)", service)
    finally:
        await connection.close()
    logs = (stack.directory / "kafka").rglob("lutong.*/*.log")
    return found | {"kafka": sum(path.stat().st_blocks * 512 for path in logs)}


def memory_bytes(stack: Stack) -> dict[str, int]:
    """What each piece has, with its share of what several have, and the processes below it (Linux)."""
    return {
        name: sum(_memory_bytes(pid) for pid in _with_children(child.pid)) for name, child in stack.children.items()
    }


def _with_children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    return [pid, *(below for child in found for below in _with_children(int(child)))]


def _memory_bytes(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    return 1024 * int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1])  # type: ignore[index]  # Linux writes it


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sizes", description=__doc__)
    parser.add_argument("--orders", type=int, default=3000)
    orders = parser.parse_args(arguments).orders
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch, suite(Path(scratch) / "sizes") as stack:  # of our own
        viral = scene.arranged(stack, orders + orders // 10)
        before = asyncio.run(disk_bytes(stack))
        spent = roads(stack, viral, orders)
        after, memory = asyncio.run(disk_bytes(stack)), memory_bytes(stack)
    served = orders + orders // 10
    grown = {name: (size - before[name]) / served for name, size in after.items()}
    table = Table("piece", "CPU ms per order", "KB of disk per order", "memory MB")
    for name, held in memory.items():
        disk = f"{grown[name] / 1000:.2f}" if name in grown else ""
        table.add_row(name, f"{spent[f'cpu_ms_{name}']:.2f}", disk, f"{held / 1e6:.0f}")
    Console().print(table)
    gb, core_h = sum(grown.values()) * 1e6 / 1e9, spent["cpu_ms"] * 1e6 / 1000 / 3600
    sys.stdout.write(f"bench sizes: {gb:.1f} GB and {core_h:.1f} h of one core per million orders\n")


if __name__ == "__main__":
    main()
