"""lutong pushes: how often life accounts may push, and what they did.

The registry answers `/v1/push-policies` and `/v1/life-accounts/{account_id}/…`; `--json` gives what it answered. docs/life-accounts.md has the rules.
"""

from typing import Annotated

import typer

from lutong_console.cli.screen import emit_json, out, table
from lutong_console.targets import Json, StackName, answered

commands = typer.Typer(help="Pushes of life accounts: policies, set-policy, quota, list.", no_args_is_help=True)

Account = Annotated[str, typer.Argument(help="The account, by its id.")]


@commands.callback()
def pushes() -> None:
    """Pushes of life accounts, and how many they have."""


@commands.command("policies")
def policies(stack: StackName = "default", *, as_json: Json = False) -> None:
    """How often accounts may push: before, now and later."""
    found = answered(stack, "registry", "GET", "/v1/push-policies")
    rows = [(each["effective_from"], each["kind"], each["quota"]) for each in found]
    emit_json(found) if as_json else out.print(table(["from 起", "window 窗口", "quota 配额"], rows))


@commands.command("set-policy")
def set_policy(
    quota: Annotated[int, typer.Argument(min=0, max=1000, help="So many pushes per window.")],
    since: Annotated[str, typer.Option("--from", help="From this moment on, such as 2026-12-02T00:00:00+08:00.")],
    reason: Annotated[str, typer.Option(help="Why: it is on record.")],
    kind: Annotated[str, typer.Option(help="calendar_week or rolling_7d.")] = "calendar_week",
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:  # one parameter per option
    """Set how often accounts may push from a moment on. What has its place keeps it."""
    body = {"effective_from": since, "kind": kind, "quota": quota}
    made = answered(stack, "registry", "POST", "/v1/push-policies", reason=reason, json=body)
    emit_json(made) if as_json else out.print(f"{made['quota']} per {made['kind']} from {made['effective_from']}")


@commands.command("quota")
def quota(account: Account, stack: StackName = "default", *, as_json: Json = False) -> None:
    """How many pushes are left to an account now, and when more will be."""
    found = answered(stack, "registry", "GET", f"/v1/life-accounts/{account}/push-quota")
    names = {"used": "used 已用", "remaining": "remaining 剩余", "resets_at": "more at 恢复"}
    rows = [(title, found[name]) for name, title in names.items()]
    rows.append(("window 窗口", f"{found['policy']['quota']} per {found['policy']['kind']}"))
    emit_json(found) if as_json else out.print(table(["", ""], rows))


@commands.command("list")
def list_pushes(account: Account, stack: StackName = "default", *, as_json: Json = False) -> None:
    """The latest pushes of an account, and how far they are."""
    found = answered(stack, "registry", "GET", f"/v1/life-accounts/{account}/pushes")
    rows = [
        (
            each["push_id"],
            each["title"],
            each["program_id"],
            each["state"],
            each["send_at"],
            each["delivered"],
            each["reason"],
        )
        for each in found
    ]
    headings = [
        "push 推送",
        "title 标题",
        "program 小程序",
        "state 状态",
        "counts at 计入",
        "reached 触达",
        "reason 原因",
    ]
    emit_json(found) if as_json else out.print(table(headings, rows))
