"""What services have on record: who did what. Asked of each on its own, and put together in order of time."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx

from lutong_console.cli.errors import UNREACHABLE, USAGE, ConsoleError
from lutong_console.targets import Suite, call

_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of the audit, the latest first; the services that did not answer, and whether there are more rows."""

    rows: list[dict[str, Any]]
    silent: list[str] = field(default_factory=list)
    more: bool = False


def changed(before: dict[str, Any] | None, after: dict[str, Any] | None) -> str:
    """What changed, field by field: `limit_minor 300000 -> 900000`; of what was nothing before, what it is now."""
    one, other = before or {}, after or {}
    fields = sorted({*one, *other})
    return (
        ", ".join(
            f"{name} {_value(one, name)} -> {_value(other, name)}" if one else f"{name} {_value(other, name)}"
            for name in fields
        )
        or "-"
    )


def _value(side: dict[str, Any], name: str) -> object:
    return "-" if side.get(name) is None else side[name]


async def latest(target: Suite, services: Collection[str], wanted: dict[str, str], limit: int) -> Found:
    """The latest rows of these services, or of all, that fit; each is asked on its own, at the same time.

    A service that does not answer is named in what is found. Raises ConsoleError where one refuses, or is unknown.
    """
    if unknown := set(services) - set(target.urls):
        raise ConsoleError(f"there is no service {min(unknown)!r}: there are {', '.join(target.urls)}", code=USAGE)
    names = [name for name in target.urls if name in services or not services]
    async with target.client(10) as client:
        asked = (_rows(client, name, target.urls[name], wanted, limit) for name in names)
        answers = dict(zip(names, await asyncio.gather(*asked), strict=True))
    silent = [name for name, rows in answers.items() if rows is None]
    rows = merged([rows for rows in answers.values() if rows])
    return Found(rows[:limit], silent, len(rows) > limit)


def merged(parts: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Rows of several services as one list, the latest first."""
    rows = (row for part in parts for row in part)
    return sorted(rows, key=lambda row: (datetime.fromisoformat(row["at"]), row["id"]), reverse=True)


async def _rows(
    client: httpx.AsyncClient, service: str, url: str, wanted: dict[str, str], limit: int
) -> list[dict[str, Any]] | None:
    """A service's latest rows, one more than the limit if there are; None when it does not answer."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    try:
        while len(found) <= limit:
            asked = wanted | {"limit": str(min(_PAGE, limit + 1 - len(found)))} | ({"cursor": cursor} if cursor else {})
            page = await call(client, "GET", f"{url}/operations/audit", params=asked)
            found += [{"service": service, **row} for row in page["rows"]]
            if (cursor := page["next_cursor"]) is None:
                break
    except ConsoleError as error:
        if error.code != UNREACHABLE:
            raise
        return None
    return found
