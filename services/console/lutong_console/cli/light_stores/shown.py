"""Templates, rollouts and stores that differ, as tables for people."""

from typing import Any, Final

import orjson

from lutong_console.cli.screen import Rows, out, table
from lutong_contracts.sentences import counted

Document = dict[str, Any]

_STATES: Final = {
    "submitted": "submitted 待审", "approved": "approved 已通过", "rejected": "rejected 已驳回",
    "running": "running 进行中", "reverting": "reverting 回退中", "stopped": "stopped 已停止", "completed": "completed 已完成",
}  # fmt: skip
_REASONS: Final = {
    "changed_by_hand": "changed by hand 手工改动", "not_released": "not released 未发布", "not_upgraded": "not upgraded 未升级",
    "edits_conflict": "edits conflict 编辑冲突", "render_differs": "render differs 渲染不一致", "does_not_fit": "does not fit 不适用",
}  # fmt: skip
_SHOWN_MAX: Final = 50


def versions(template: Document) -> Rows:
    """The versions of a template, the newest first, with what each makes of a made-up store."""
    rows = [
        (
            each["version"],
            _STATES.get(each["state"], each["state"]),
            "current 当前" if each["version"] == template["version"] else each["rejected_for"],
            each["sample"]["title"],
            each["sample"]["offers_of"],
        )
        for each in template["versions"]
    ]
    return table(["version 版本", "state 状态", "", "sample 样例", "offers of 商品来自"], rows)


def rollout(found: Document) -> Rows:
    """How far a version is, or how it ended, in one line."""
    why = f"{found['reason']}: {found['detail']}" if found["reason"] else ""
    counts = [f"{found[name]:,}" for name in ("upgraded", "conflicts", "skipped", "errors", "reverted")]
    state = _STATES.get(found["state"], found["state"])
    headings = [
        "version 版本", "state 状态", "stage 阶段", "upgraded 已升级", "conflicts 冲突", "skipped 跳过", "errors 错误",
        "reverted 已回退", "why 原因",
    ]  # fmt: skip
    return table(headings, [(found["version"], state, f"{found['percent']} %", *counts, why)])


def plan(found: Document) -> None:
    """What a version would do to stores."""
    counts = [f"{found[name]:,}" for name in ("looked_at", "changed", "unchanged", "conflicts")]
    headings = [
        "version 版本",
        "stores 门店",
        "changed 变更",
        "unchanged 不变",
        "conflicts 冲突",
        "does not fit 不适用",
    ]
    out.print(table(headings, [(found["version"], *counts, f"{len(found['refused']):,}")]))
    _stores(found["refused"])


def drift(found: Document) -> None:
    """Stores that differ from their template."""
    if not found["stores"]:
        out.print(f"{counted(found['looked_at'], 'store')}: each is what its template makes of it 全部与模板一致")
        return
    _stores(found["stores"])


def differences(store: Document) -> None:
    """A store's fields beside its template and another version."""
    state = "attached 已关联" if store["attached"] else "detached 已脱离"
    drifted = ", drifted 已漂移" if store["drifted"] else ""
    out.print(f"{store['store_id']} {store['program_id']}: version 版本 {store['version']}, {state}{drifted}")
    out.print(f"sha256 {store['digest']}")
    for field, value in store["by_hand"].items():
        out.print(f"changed by hand 手工改动: {field} = {_short(value)}")
    if not store["differences"]:
        out.print("no difference 没有差异")
        return
    headings = ["field 字段", "template 模板", "store 门店", "new version 新版本", "after upgrade 升级后", ""]
    rows = [
        (
            each["field"],
            *(_short(each[name]) for name in ("base", "store", "new", "taken")),
            "conflict 冲突" if each["conflict"] else "",
        )
        for each in store["differences"]
    ]
    out.print(table(headings, rows))


def _stores(stores: list[Document]) -> None:
    if not stores:
        return
    rows = [
        (each["store_id"], each["version"], _REASONS.get(each["reason"], each["reason"]), each["detail"])
        for each in stores[:_SHOWN_MAX]
    ]
    out.print(table(["store 门店", "version 版本", "why 原因", "what to do 处理"], rows))
    if len(stores) > _SHOWN_MAX:
        out.print(f"and {len(stores) - _SHOWN_MAX:,} more: --json has them all")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= 60 else f"{text[:59]}…"
