"""`python -m tools.baskets DATA`: replay retail baskets over stores in real cities, by the rules as they are and by others.

Inventory itself decides, on a PostgreSQL that is started for it and gone afterwards. DATA is the folder of open data beside the
project (`../shared/data`). With `--map` the map of the last rules is written, as `lutong stores report --map` draws it.
"""

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lutong_chassis import database
from lutong_chassis.testing import create_database, migrate_database, settings_for
from lutong_console.cli.merchant_report import draw
from lutong_console.cli.screen import out, table
from lutong_console.cli.stores.command import modes_of
from lutong_console.cli.stores.store_map import drawn
from lutong_inventory.app import service
from lutong_local.ports import free_port
from lutong_local.postgres import admin_url, prepare_postgres, wait_for_postgres
from lutong_local.processes import start, stop
from tools.baskets.play import play
from tools.baskets.scene import Json, Rules, Scene, scene

WHAT_IF: Final = {
    "as they are 现行": Rules(),
    "two parts 拆两单": Rules(parts_max=2),
    "three parts 拆三单": Rules(parts_max=3),
    "two parts, 5 km 拆两单，5 公里": Rules(parts_max=2, radius_m=5_000),
    "two parts, 10 orders a day 拆两单，每店日限 10 单": Rules(parts_max=2, daily_capacity=10),
}
"""Rules that the same baskets are replayed by, one after the other."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay, and print what came of it; gives the exit code: 1 where shelves drifted."""
    parser = argparse.ArgumentParser(prog="python -m tools.baskets", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--stores", type=int, default=200)
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--map", type=Path, help="write the map of the last rules into this SVG")
    parser.add_argument("--json", action="store_true", help="print all reports as JSON")
    given = parser.parse_args(arguments)
    reports = _replayed(scene(given.data, given.stores, given.orders))
    if given.map:
        draw(drawn(list(reports.values())[-1]), given.map)
    if given.json:
        sys.stdout.write(json.dumps(reports, ensure_ascii=False, indent=2) + "\n")
    else:
        _show(reports)
    return 1 if any(report["drift"] for report in reports.values()) else 0


def _replayed(played: Scene) -> dict[str, Json]:
    """Each of the rules, on a database of its own."""
    with tempfile.TemporaryDirectory(prefix="lutong-baskets-", dir="/var/tmp") as directory:
        port, password = free_port(), secrets.token_hex(16)
        child = start(prepare_postgres(Path(directory), port, password, lambda _: None))
        try:
            wait_for_postgres(child, port, password)
            admin = admin_url(port, password)
            return {name: asyncio.run(_by(rules, played, admin, n)) for n, (name, rules) in enumerate(WHAT_IF.items())}
        finally:
            stop(child)


async def _by(rules: Rules, played: Scene, admin: str, number: int) -> Json:
    url = await create_database(admin, f"baskets_{number}")
    await migrate_database(url, service.migrations)
    pool = await database.connect(settings_for(url))
    try:
        return await play(pool, played, rules)
    finally:
        await pool.close()


def _show(reports: dict[str, Json]) -> None:
    for name, report in reports.items():
        spread = report["load"]
        out.print(f"\n{name}: {report['rules']}")
        out.print(modes_of(report))
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(report["reasons"].items())) or "–"
        out.print(f"rejected 拒绝: {reasons}")
        headings = ("stores 门店", "orders each 每店订单", "p50", "p95", "most 最多")
        out.print(table(headings, [tuple(str(spread[key]) for key in ("stores", "mean", "p50", "p95", "most"))]))


if __name__ == "__main__":
    sys.exit(main())
