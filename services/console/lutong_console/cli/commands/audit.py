"""lutong audit: who did what, in all services, in order of time."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from lutong_console import running_console
from lutong_console.audit import Found, changed, latest
from lutong_console.cli.commands.tail import moment
from lutong_console.cli.errors import UNREACHABLE
from lutong_console.cli.screen import emit_json, err, line, out, table
from lutong_console.targets import Json, StackName, suite

_HEADINGS: Final = ("at (UTC)", "service", "actor", "action", "subject", "change", "reason")


def audit(  # noqa: PLR0913  # one parameter per option
    stack: StackName = "default",
    *,
    actor: Annotated[str | None, typer.Option("--actor", help="The subject of a token.")] = None,
    action: Annotated[str | None, typer.Option("--action", help="What was done, such as `line.set`.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="To what, such as `line:member-1`.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="How far back: 10m, 2h, 3d.")] = None,
    service: Annotated[list[str] | None, typer.Option("--service", help="Only these; all when none is named.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="So many rows at most.")] = 100,
    as_json: Json = False,
) -> None:
    """Show who did what, to what, with which effect and why: the latest first. Exit code 3 when a service is silent."""
    filters = {"actor": actor, "action": action, "subject": subject, "since": since and moment(since).isoformat()}
    wanted = {name: value for name, value in filters.items() if value}
    found = asyncio.run(latest(suite(stack), service or [], wanted, limit))
    if as_json:
        emit_json({"rows": found.rows, "silent": found.silent, "more": found.more})
    else:
        _print(found)
        asked = {name: value for name, value in wanted.items() if name != "since"}  # the page shows the latest of all time
        running_console.name_page(stack, "/audit" + (f"?{urlencode(asked)}" if asked else ""))
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
