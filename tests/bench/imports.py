"""What `lutong import` does in a second: stores and stock from CSV, with bad rows among them, beside a bare COPY.

    python -m tests.bench.imports --stack NAME --stores 10000 --skus 100

The stack has to run. Rows are written into a folder, taken, and taken again.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg

from lutong_chassis.auth import Principal
from lutong_console.targets import stack_named, suite

MERCHANT: Final = "import-bench"


class Bad(NamedTuple):
    """A bad row: what it says, and the column that is to blame as the import tells it."""

    row: bytes
    column: str


BAD_STORES: Final = (
    Bad(b"bad-1,{m},Shop,91,0", "latitude"),
    Bad(b"bad-2,{m},Shop,0,east", "longitude"),
    Bad(b"bad 3,{m},Shop,0,0", "location_id"),
    Bad(b"bad-4,{m},,0,0", "name"),
    Bad(b"bad-5,{m},Shop,0", ""),
    Bad(b"bad-6,{m},Shop,0,0,0", ""),
    Bad(b'bad-7,{m},"Shop,0,0', ""),
    Bad(b"bad-8,{m},Sh\xffop,0,0", "name"),
    Bad(b'bad-9,{m},"Shop\ntwo",0,0', "name"),
    Bad(b"bad-10,nobody's,Shop,0,0", "merchant_id"),
)
BAD_STOCK: Final = (
    *(Bad(b"store-0,bad-%d,many" % n, "on_hand") for n in range(5)),
    *(Bad(b"store-0,bad-%d,-1" % n, "on_hand") for n in range(5)),
    *(Bad(b"store-0,bad sku %d,1" % n, "sku") for n in range(5)),
    *(Bad(b"store-0,bad-%d" % n, "") for n in range(5)),
    *(Bad(b"nowhere-%d,sku,1" % n, "location_id") for n in range(6)),
    Bad(b"x" * 10_000_000, ""),
)
"""37 with those of the stores; six of them only inventory can know."""


class Planted(NamedTuple):
    """Where a bad row was put, and the column that is wrong in it."""

    line: int
    column: str


class Run(NamedTuple):
    """One import: its report of the file, how long it took, and its peak of memory."""

    report: dict[str, Any]
    seconds: float
    peak_mib: float


def write_stores(path: Path, stores: int) -> list[Planted]:
    """Stores around China; gives where each bad row is."""
    rows = (f"store-{n},{MERCHANT},Shop {n},{20 + n % 300 / 10},{100 + n % 170 / 10}".encode() for n in range(stores))
    return _write(path, b"location_id,merchant_id,name,latitude,longitude", rows, stores, BAD_STORES)


def write_stock(path: Path, stores: int, skus: int) -> list[Planted]:
    """Each SKU at each store; gives where each bad row is."""
    rows = (
        b"store-%d,sku-%d,%d" % (store, sku, 1 + (store + sku) % 90) for store in range(stores) for sku in range(skus)
    )
    return _write(path, b"location_id,sku,on_hand", rows, stores * skus, BAD_STOCK)


def _write(path: Path, header: bytes, rows: Iterator[bytes], count: int, bad: tuple[Bad, ...]) -> list[Planted]:
    """Rows with the bad ones spread among them."""
    every, line, found = max(1, count // len(bad)), 1, []
    waiting = list(reversed(bad))
    with path.open("wb") as file:
        file.write(header + b"\n")
        for number, row in enumerate(rows):
            if number % every == every // 2 and waiting:
                wrong = waiting.pop()
                found.append(Planted(line + 1, wrong.column))
                content = wrong.row.replace(b"{m}", MERCHANT.encode()) + b"\n"
                file.write(content)
                line += content.count(b"\n")
            file.write(row + b"\n")
            line += 1
    assert not waiting, "too few rows for the bad ones"
    return found


def run_import(stack: str, file: Path, token: str = "") -> Run:
    """Import a file with the command line, as a person does."""
    began = time.monotonic()
    command = [str(Path(sys.executable).with_name("lutong")), "import", "--stack", stack, "--json", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"LUTONG_TOKEN": token}) as running:
        assert running.stdout
        output = running.stdout.read()
        _, _, usage = os.wait4(running.pid, 0)
    seconds = time.monotonic() - began
    return Run(json.loads(output)["files"][0], seconds, usage.ru_maxrss / 1024)


async def copy_seconds(url: str, stores: int, skus: int) -> float:
    """How long PostgreSQL takes to COPY the same shelves into a bare table with the same key."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "CREATE TEMP TABLE bare (location_id text, sku text, on_hand integer, PRIMARY KEY (location_id, sku))"
        )
        rows = [(f"store-{store}", f"sku-{sku}", 1) for store in range(stores) for sku in range(skus)]
        began = time.monotonic()
        await connection.copy_records_to_table("bare", records=rows)
        return time.monotonic() - began
    finally:
        await connection.close()


def main() -> None:
    """Measure, and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", default="default")
    parser.add_argument("--stores", type=int, default=10_000)
    parser.add_argument("--skus", type=int, default=100)
    given = parser.parse_args()
    stack = stack_named(given.stack)
    assert stack, "start it: lutong up --stack NAME"
    token = stack.signer.token(Principal("import-bench", "merchant", MERCHANT), 86_400)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "merchants.csv").write_text(f"merchant_id,name\n{MERCHANT},Import\n", encoding="utf-8")
        planted = {
            "stores": write_stores(folder / "stores.csv", given.stores),
            "stock": write_stock(folder / "stock.csv", given.stores, given.skus),
        }
        run_import(given.stack, folder / "merchants.csv")
        found = [
            measured(given.stack, folder / f"{kind}.csv", planted[kind], token)
            for kind in ("stores", "stock")
            for _ in range(2)
        ]
    bare_s = asyncio.run(copy_seconds(suite(given.stack).database_urls["inventory"], given.stores, given.skus))
    rows = given.stores * given.skus
    copied = {"seconds": round(bare_s, 1), "rows_per_s": round(rows / bare_s)}
    document = {
        "imports": found,
        "copy_of_stock": copied,
        "own_peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def measured(stack: str, file: Path, planted: list[Planted], token: str) -> dict[str, Any]:
    """What the import of a file says, and whether it found what was planted."""
    report, seconds, peak_mib = run_import(stack, file, token)
    found = sorted((problem["line"], problem["column"]) for problem in report.pop("problems"))
    return report | {
        "rows_per_s": round(report["rows"] / seconds),
        "peak_mib": round(peak_mib),
        "planted": len(planted),
        "all_reported": found == sorted(planted),
        "differences": sorted(set(found) ^ set(planted))[:20],
    }


if __name__ == "__main__":
    main()
