"""lutong audit: who did what, in all services, in order of time."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import httpx
import typer

from lutong_console.cli.commands.tail import moment
from lutong_console.cli.errors import UNREACHABLE, USAGE, ConsoleError
from lutong_console.cli.screen import emit_json, err, line, out, table
from lutong_console.targets import Json, StackName, Suite, call, suite

_PAGE: Final = 1000
_HEADINGS: Final = ("at (UTC)", "service", "actor", "action", "subject", "change", "reason")


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of the audit, the latest first; the services that did not answer, and whether there are more rows."""

    rows: list[dict[str, Any]]
    silent: list[str] = field(default_factory=list)
    more: bool = False


def audit(  # noqa: PLR0913  # one parameter per option
    stack: StackName = "default",
    *,
    actor: Annotated[str | None, typer.Option("--actor", help="The subject of a token.")] = None,
    action: Annotated[str | None, typer.Option("--action", help="What was done: `line.set`, say.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="To what: `line:member-1`, say.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="How far back: 10m, 2h, 3d.")] = None,
    service: Annotated[list[str] | None, typer.Option("--service", help="Only these; all when none is named.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="So many rows at most.")] = 100,
    as_json: Json = False,
) -> None:
    """Show who did what, to what, with which effect and why: the latest first. Exit code 3 when a service is silent."""
    filters = {"actor": actor, "action": action, "subject": subject, "since": since and moment(since).isoformat()}
    wanted = {name: value for name, value in filters.items() if value}
    found = asyncio.run(_ask(suite(stack), service or [], wanted, limit))
    if as_json:
        emit_json({"rows": found.rows, "silent": found.silent, "more": found.more})
    else:
        _print(found)
    if found.silent:
        raise typer.Exit(UNREACHABLE)


def _print(found: Found) -> None:
    if found.rows:
        out.print(table(_HEADINGS, [_cells(row) for row in found.rows]))
    else:
        out.print("nothing is on record")
    if found.more:
        err.print("there is more: raise --limit, or name --actor, --action, --subject or --since", style="dim")
    for name in found.silent:
        err.print(line(("error", "bold red"), f" {name} does not answer: its rows are missing; next: lutong status"))


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    at = datetime.fromisoformat(row["at"]).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    parts = (row["service"], row["actor"], row["action"], row["subject"], changed(row["before"], row["after"]))
    return (at, *parts, row["reason"] or "-")


def changed(before: dict[str, Any] | None, after: dict[str, Any] | None) -> str:
    """What changed, field by field: `limit_minor 300000 -> 900000`."""
    one, other = before or {}, after or {}
    fields = sorted({*one, *other})
    return ", ".join(f"{name} {one.get(name, '-')} -> {other.get(name, '-')}" for name in fields) or "-"


async def _ask(target: Suite, services: list[str], wanted: dict[str, str], limit: int) -> Found:
    """The latest rows of all services that answer; each is asked on its own, at the same time."""
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
