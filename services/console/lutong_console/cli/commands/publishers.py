"""lutong publishers: who publishes what, when last, and what was rejected over HTTP."""

import asyncio
from typing import Annotated, Final

import typer

from lutong_console import running_console
from lutong_console.cli import given
from lutong_console.cli.errors import PROBLEM, UNREACHABLE
from lutong_console.cli.screen import echo, emit_json, err, line, out, table
from lutong_console.publishing import Rejected, Seen, look
from lutong_console.targets import Json, StackName, suite

_ROWS: Final = 100


def publishers(
    stack: StackName = "default",
    hours: Annotated[int, typer.Option("--hours", min=1, max=720, help="Of the last so many hours.")] = 24,
    *,
    rejected: Annotated[bool, typer.Option("--rejected", help="Only what was rejected; exit code 1 when any.")] = False,
    as_json: Json = False,
) -> None:
    """Who publishes what, in which version, and when last; and what was rejected over HTTP, with why and what to do."""
    seen = asyncio.run(look(suite(stack), hours, _ROWS))
    if as_json:
        shown = {"rejected": [each._asdict() for each in seen.rejected], "silent": seen.silent}
        emit_json(shown if rejected else {"publishers": [each._asdict() for each in seen.publishers]} | shown)
    else:
        _show(seen, only_rejected=rejected)
        running_console.name_page(stack, "/publishers")
    if seen.silent:
        raise typer.Exit(UNREACHABLE)
    if rejected and seen.rejected:
        raise typer.Exit(PROBLEM)


def _show(seen: Seen, *, only_rejected: bool) -> None:
    if not only_rejected:
        columns = ("publisher", "type", "way", "events", "last seen", "taken in by")
        rows = [
            (each.subject or each.source, each.type, each.way, each.events, each.last_at[:19], ", ".join(each.seen_by))
            for each in seen.publishers
        ]
        out.print(table(columns, rows) if rows else "nobody published anything")
    if seen.rejected:
        headings = ("rejected", "publisher", "event", "type", "code", "where", "why", "what to do")
        out.print(table(headings, [_cells(each) for each in seen.rejected]))
        echo(given.here("the command that tries each again: lutong publishers --rejected --json"))
    elif only_rejected:
        out.print("nothing was rejected")
    for name in seen.silent:
        err.print(line(("error", "bold red"), f" {name} does not answer"))


def _cells(each: Rejected) -> tuple[str | None, ...]:
    where = (each.event_id, each.type, each.code, each.pointer)
    return (each.rejected_at[:19], each.subject, *where, each.detail, each.hint)
