"""lutong traffic: what a program has in page views, who came, and what may be expected.

The registry answers `/v1/programs/{program_id}/traffic` and `/v1/traffic-rules`; `--json` gives what it answered. docs/traffic.md has the rules.
"""

from typing import Annotated

import typer

from lutong_console.cli.screen import emit_json, out, table
from lutong_console.targets import Json, StackName, answered

commands = typer.Typer(help="Traffic rewards: show, entries, rules.", no_args_is_help=True)

Program = Annotated[str, typer.Argument(help="The program, by its id.")]
_BALANCE = {
    "granted": "granted 已发放", "spent": "spent 已消耗", "expired": "expired 已过期", "reversed": "reversed 已撤回",
    "available": "available 可用", "held": "held 占用", "debt": "debt 欠额",
}  # fmt: skip


@commands.callback()
def traffic() -> None:
    """Page views that programs earn, spend and lose."""


@commands.command("show")
def show(program: Program, stack: StackName = "default", *, as_json: Json = False) -> None:
    """What a program has, its unique visitors by day and what came of them, and for how long it lasts."""
    found = answered(stack, "registry", "GET", f"/v1/programs/{program}/traffic")
    if as_json:
        emit_json(found)
        return
    out.print(table(["page views 曝光", ""], [(title, found["balance"][name]) for name, title in _BALANCE.items()]))
    days = [(each["day"], each["source_id"], each["outcome"], each["visitors"], each["pv"]) for each in found["days"]]
    out.print(table(["day 日", "source 来源", "outcome 结果", "visitors 访客", "page views 曝光"], days))
    ahead = found["forecast"]
    lasts = "" if ahead["lasts_days"] is None else f"; lasts {ahead['lasts_days']} days 可用天数"
    out.print(f"a day 每日: {ahead['granted_per_day']} granted 发放, {ahead['spent_per_day']} spent 消耗{lasts}")


@commands.command("entries")
def entries(
    program: Program,
    after: Annotated[int, typer.Option(min=0, help="Behind this row.")] = 0,
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:
    """The ledger of a program's page views, in order."""
    found = answered(stack, "registry", "GET", f"/v1/programs/{program}/traffic/entries?after={after}")
    rows = [
        (each["entry_id"], each["at"], each["kind"], each["debit"], each["credit"], each["pv"], each["reference"])
        for each in found
    ]
    headings = ["row 行", "at 时间", "kind 类型", "from 转出", "to 转入", "page views 曝光", "for 事由"]
    emit_json(found) if as_json else out.print(table(headings, rows))


@commands.command("rules")
def rules(stack: StackName = "default", *, as_json: Json = False) -> None:
    """What visits earn: before, now and later."""
    found = answered(stack, "registry", "GET", "/v1/traffic-rules")
    rows = [
        (each["effective_from"], each["pv_per_uv"], each["valid_days"], each["dwell_s_min"], each["sources_max"])
        for each in found
    ]
    headings = ["from 起", "per visitor 每访客", "valid days 有效天数", "stay s 停留秒", "sources 来源上限"]
    emit_json(found) if as_json else out.print(table(headings, rows))
