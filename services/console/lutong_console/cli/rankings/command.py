"""lutong rankings: which programs people use most, which grow, how many are active in a month, and who comes back after a week.

The registry answers `GET /v1/rankings`, `/v1/rankings/categories`, `/v1/metrics/active` and `/v1/metrics/retention`; `--json` gives what it
answered. All days are those of Asia/Shanghai. docs/rankings.md has the definitions.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from lutong_console.cli.rankings import shown
from lutong_console.cli.screen import Rows, emit_json, out
from lutong_console.targets import Json, StackName, answered

commands = typer.Typer(help="Which programs people use: programs, categories, active, retention.", no_args_is_help=True)

Document = dict[str, Any]
Program = Annotated[str | None, typer.Option("--program", help="Of one program; else of all.")]
Days = Annotated[int, typer.Option(min=1, max=90, help="So many days, of which today is the last.")]


@commands.callback()
def rankings() -> None:
    """What people use, and who comes back."""


@commands.command("programs")
def programs(
    by: Annotated[str, typer.Option(help="hottest or growth.")] = "hottest",
    category: Annotated[str | None, typer.Option(help="Of one category.")] = None,
    days: Days = 7,
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:
    """The programs that most people opened, or that grew most."""
    found = _asked(stack, "/v1/rankings", {"by": by, "category": category, "days": days})
    _show(found, shown.ranking(found), as_json=as_json)


@commands.command("categories")
def categories(days: Days = 28, stack: StackName = "default", *, as_json: Json = False) -> None:
    """How many people used each category, and by how much that grew."""
    found = _asked(stack, "/v1/rankings/categories", {"days": days})
    _show(found, shown.ranking(found), as_json=as_json)


@commands.command("active")
def active(program: Program = None, stack: StackName = "default", *, as_json: Json = False) -> None:
    """Monthly active users: of the calendar month, and of thirty days."""
    found = _asked(stack, "/v1/metrics/active", {"program_id": program})
    _show(found, shown.active(found), as_json=as_json)


@commands.command("retention")
def retention(program: Program = None, days: Days = 28, stack: StackName = "default", *, as_json: Json = False) -> None:
    """D7 by cohort: of those new on a day, how many were active on the seventh day after it."""
    found = _asked(stack, "/v1/metrics/retention", {"program_id": program, "days": days})
    _show(found, shown.retention(found), as_json=as_json)


def _show(found: Document, rows: Rows, *, as_json: bool) -> None:
    emit_json(found) if as_json else out.print(rows)


def _asked(stack: str, path: str, wanted: Mapping[str, str | int | None]) -> Document:
    given = {name: value for name, value in wanted.items() if value is not None}
    found: Document = answered(stack, "registry", "GET", path, params=given)
    return found
