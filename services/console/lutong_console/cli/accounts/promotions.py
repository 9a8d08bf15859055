"""lutong promotions: places of the feed that programs pay for with page views they earned.

The registry answers `/v1/promotions/{promotion_id}` and `/v1/programs/{program_id}/promotions`; `--json` gives what it answered. docs/traffic.md has the rules.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from lutong_console.cli.screen import Rows, emit_json, out, table
from lutong_console.targets import Json, StackName, answered

commands = typer.Typer(help="Promotions of programs: list, begin, end.", no_args_is_help=True)

Promotion = Annotated[str, typer.Argument(help="The promotion, by its id.")]
Program = Annotated[str, typer.Argument(help="The program, by its id.")]
Why = Annotated[str, typer.Option("--reason", help="Why: it is on record.")]
_HEADINGS = [
    "promotion 推广", "program 小程序", "placement 位置", "state 状态", "page views 曝光", "spent 已消耗", "left 剩余", "until 截止",
]  # fmt: skip


@commands.callback()
def promotions() -> None:
    """Places that are paid for, and what they spent."""


@commands.command("list")
def list_promotions(program: Program, stack: StackName = "default", *, as_json: Json = False) -> None:
    """The promotions of a program, the latest first: how many page views each spent, and has left."""
    found = answered(stack, "registry", "GET", f"/v1/programs/{program}/promotions")
    emit_json(found) if as_json else out.print(_table(found))


@commands.command("begin")
def begin(  # noqa: PLR0913, PLR0917  # one parameter per option
    promotion: Promotion,
    program: Program,
    placement: Annotated[str, typer.Argument(help="home, square or for_you.")],
    page_views: Annotated[int, typer.Option(min=1, max=1_000_000, help="So many at most.")],
    until: Annotated[str, typer.Option(help="Until then, such as 2026-12-31T20:00:00+08:00; within 31 days.")],
    reason: Why,
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:
    """Promote a program in a placement; the id of an open promotion gives that one another number or end."""
    body = {"program_id": program, "placement": placement, "pv": page_views, "ends_at": until}
    made = answered(stack, "registry", "PUT", f"/v1/promotions/{promotion}", reason=reason, json=body)
    emit_json(made) if as_json else out.print(_table([made]))


@commands.command("end")
def end(promotion: Promotion, reason: Why, stack: StackName = "default", *, as_json: Json = False) -> None:
    """End a promotion: nothing more of it is shown, and what is left goes back."""
    ended = answered(stack, "registry", "POST", f"/v1/promotions/{promotion}/end", reason=reason)
    emit_json(ended) if as_json else out.print(_table([ended]))


def _table(found: Sequence[dict[str, Any]]) -> Rows:
    names = ("promotion_id", "program_id", "placement", "state", "pv", "used")
    rows = [(*(each[name] for name in names), max(0, each["pv"] - each["used"]), each["ends_at"]) for each in found]
    return table(_HEADINGS, rows)
