"""lutong stores what-if: the orders of a time decided again by other rules, before and after, with what would change and why.

Inventory answers `POST /v1/merchants/{merchant_id}/sourcing-rules/what-if`, a page at a time; docs/stores.md has what is replayed.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import httpx
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.cli.screen import err
from lutong_console.cli.uplift.format import amount
from lutong_console.targets import Suite, call

_TIMEOUT_S: Final = 60
_PAGE: Final = 500
KEYS: Final = ("radius_m", "daily_capacity", "parts_max", "load_m", "flagship_m")
"""What rules may set."""

Document = dict[str, Any]
"""JSON of inventory."""


@dataclass(slots=True)
class Figures:
    """How orders are served, all together."""

    orders: int = 0
    served: int = 0
    in_parts: int = 0
    by_flagship: int = 0
    given: Counter[str] = field(default_factory=Counter)
    """How many orders, or parts of some, each store has."""
    metres: int = 0
    """From stores, of all parts together."""

    def add(self, served: Document) -> None:
        """Count an order."""
        by = served["by"]
        self.orders += 1
        self.served += bool(by)
        self.in_parts += len(by) > 1
        self.by_flagship += any(each["kind"] == "flagship" for each in by)
        for each in by:
            if each["kind"] != "flagship":
                self.given[each["location_id"]] += 1
                self.metres += each["distance_m"]

    def document(self) -> Document:
        """As `--json` has it. The load is of stores that have an order."""
        loads = sorted(self.given.values())
        total = sum(loads)
        return {
            "orders": self.orders,
            "served": self.served,
            "service_level": round(self.served / self.orders, 4) if self.orders else None,
            "in_parts": self.in_parts,
            "by_flagship": self.by_flagship,
            "mean_distance_m": round(self.metres / total) if total else None,
            "load": {
                "stores": len(loads),
                "mean": round(total / len(loads), 2) if loads else None,
                "p95": loads[(95 * len(loads) - 1) // 100] if loads else None,
                "most": loads[-1] if loads else None,
            },
            "orders_by_store": dict(sorted(self.given.items())),
        }


def rules_of(path: Path | None, settings: Sequence[str]) -> dict[str, int]:
    """Rules of a JSON file, and those that are set by `key=value` above them."""
    rules: dict[str, Any] = {}
    if path:
        try:
            read = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConsoleError(f"{path} cannot be read as JSON ({error})", code=USAGE) from None
        if not isinstance(read, dict):
            raise ConsoleError(f'{path} is no object of rules, such as {{"radius_m": 5000}}', code=USAGE)
        rules |= read
    for setting in settings:
        key, _, value = setting.partition("=")
        rules[key] = int(value) if value.isdecimal() else -1
    for key, value in rules.items():
        if key not in KEYS or not isinstance(value, int) or isinstance(value, bool) or value < 0:
            allowed = ", ".join(KEYS)
            raise ConsoleError(f"{key}={value!r} is no rule: give {allowed}, each a whole number", code=USAGE)
    return rules


def span(since: str | None, until: str | None, now: datetime) -> dict[str, str]:
    """From when until when: a day from `since` on, else yesterday (UTC)."""
    if since is None:
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return {"since": (today - timedelta(days=1)).isoformat(), "until": until or today.isoformat()}
    try:
        begin = datetime.fromisoformat(since)
    except ValueError:
        raise ConsoleError(f"--since {since!r} is no time, such as 2026-11-28T00:00:00Z", code=USAGE) from None
    return {"since": since, "until": until or (begin + timedelta(days=1)).isoformat()}


class Asked(NamedTuple):
    """Orders as they were and would be, and how many came in all."""

    orders: list[Document]
    total: int


async def asked(target: Suite, merchant: str, wanted: Mapping[str, object], limit: int) -> Asked:
    """Ask for `limit` orders at most, page by page; with a bar for people."""
    url = f"{target.urls['inventory']}/v1/merchants/{quote(merchant, safe='')}/sourcing-rules/what-if"
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    found: list[Document] = []
    body: Document = dict(wanted)
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as progress:
        task, total = progress.add_task("deciding again 重新决策"), 0
        async with target.client(_TIMEOUT_S) as client:
            while len(found) < limit:
                page = await _page(client, url, body | {"limit": min(_PAGE, limit - len(found))})
                total = page["total"] if page["total"] is not None else total
                found += page["orders"]
                progress.update(task, completed=len(found), total=min(total, limit))
                if page["next"] is None:
                    break
                body |= {"after": page["next"], "shifted": page["shifted"]}
    return Asked(found, total)


async def _page(client: httpx.AsyncClient, url: str, body: Document) -> Document:
    page: Document = await call(client, "POST", url, json=body)
    return page


def report_of(orders: Iterable[Document]) -> Document:
    """Figures before and after, of those orders of which both are known, and the orders that change."""
    before, after = Figures(), Figures()
    changes: list[Document] = []
    unknown = unsure = 0
    for order in orders:
        if order["after"] is None:
            unknown += 1
            continue
        before.add(order["before"])
        after.add(order["after"])
        if order["changed"]:
            unsure += order["unsure"]
            changes.append(order)
    return {
        "before": before.document(),
        "after": after.document(),
        "changed": len(changes),
        "unsure": unsure,
        "not_known": unknown,
        "changes": changes,
    }


class Figure(NamedTuple):
    """A row of the table."""

    what: str
    before: str
    after: str


def figures(report: Document) -> list[Figure]:
    """How orders are served, before and after."""
    sides = report["before"], report["after"]
    rows = [
        ("orders 订单", *(f"{each['orders']:,}" for each in sides)),
        ("served 已服务", *(f"{each['served']:,}" for each in sides)),
        ("service level 服务水平", *(amount(each["service_level"], "share", "") for each in sides)),
        ("in parts 拆单", *(f"{each['in_parts']:,}" for each in sides)),
        ("by flagship 旗舰店", *(f"{each['by_flagship']:,}" for each in sides)),
        ("mean distance 平均距离", *(_km(each["mean_distance_m"]) for each in sides)),
        ("stores with orders 接单门店", *(f"{each['load']['stores']:,}" for each in sides)),
        ("orders of a store, mean / p95 / most 每店订单", *(_load(each["load"]) for each in sides)),
    ]
    return [Figure(*row) for row in rows]


def _km(metres: int | None) -> str:
    return "–" if metres is None else f"{metres / 1000:.1f} km"


def _load(load: Document) -> str:
    return " / ".join("–" if load[key] is None else f"{load[key]:g}" for key in ("mean", "p95", "most"))


class Change(NamedTuple):
    """An order that would go elsewhere: who serves it, and why."""

    order_id: str
    before: str
    after: str
    why: str


def change(order: Document) -> Change:
    """A row of the table of changes."""
    before, after = order["before"], order["after"]
    mark = " ?" if order["unsure"] else ""
    why = after["why"]
    return Change(order["order_id"], _by(before), _by(after) + mark, f"{why['en']} {why['zh']}")


def _by(served: Document) -> str:
    return " + ".join(f"{each['location_id']} {_km(each['distance_m'])}" for each in served["by"]) or "nobody 无"
