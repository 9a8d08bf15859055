"""lutong capabilities: what a program declares that it uses, and what of it is granted.

The registry answers `/v1/programs/{program_id}/capabilities`; `--json` gives what it answered. docs/capabilities.md has the rules.
"""

from typing import Annotated, Any

import typer

from lutong_console.cli.screen import emit_json, out, table
from lutong_console.targets import Json, StackName, answered

commands = typer.Typer(help="What programs may use: show, grant, revoke.", no_args_is_help=True)

Program = Annotated[str, typer.Argument(help="The program, by its id.")]
Name = Annotated[str, typer.Argument(help="pay, credit, identity, coupons or location.")]
Why = Annotated[str, typer.Option("--reason", help="Why, such as reviewed: it is on record.")]
_STATES = {"granted": "granted 已授权", "declared": "declared 已声明", "none": "-"}


@commands.callback()
def capabilities() -> None:
    """What programs declare, and may use."""


@commands.command("show")
def show(program: Program, stack: StackName = "default", *, as_json: Json = False) -> None:
    """What a program declares, and what of it is granted."""
    _show(answered(stack, "registry", "GET", f"/v1/programs/{program}/capabilities"), as_json=as_json)


@commands.command("grant")
def grant(program: Program, name: Name, reason: Why, stack: StackName = "default", *, as_json: Json = False) -> None:
    """Let a program use what one of its versions declares."""
    path = f"/v1/programs/{program}/capabilities/{name}"
    _show(answered(stack, "registry", "PUT", path, json={"reason": reason}), as_json=as_json)


@commands.command("revoke")
def revoke(program: Program, name: Name, reason: Why, stack: StackName = "default", *, as_json: Json = False) -> None:
    """Let a program use it no more."""
    path = f"/v1/programs/{program}/capabilities/{name}/revocation"
    _show(answered(stack, "registry", "POST", path, json={"reason": reason}), as_json=as_json)


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    rows = [(each["name"], _STATES[each["state"]]) for each in found["capabilities"]]
    rows.append(("enforced 强制", "yes 是" if found["enforced"] else "no 否"))
    emit_json(found) if as_json else out.print(table(["capability 能力", "state 状态"], rows))
