"""lutong stores: what each store of a merchant did with its orders, as a table and as a map.

Inventory answers `GET /v1/merchants/{merchant_id}/stores/report`, `…/sales` and `…/stores/uplift`; docs/stores.md has the definitions.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from lutong_console.cli.merchant_report import Document, draw, report_of
from lutong_console.cli.screen import Rows, emit_json, out, table
from lutong_console.cli.stores import what_if as what_ifs
from lutong_console.cli.stores.store_map import drawn
from lutong_console.cli.uplift.format import VERDICTS, amount, span
from lutong_console.targets import Json, StackName, Suite, suite

commands = typer.Typer(help="What a merchant's stores did with their orders: report, what-if.", no_args_is_help=True)

_HEADINGS: Final = (
    "store 门店", "given 派单", "fulfilled 完成", "units 件数", "revenue 销售额", "fill 满足率", "reject 拒单率", "on time 准时率",
    "sales 归属销售", "uplift 增收",
)  # fmt: skip

_CHANGES: Final = ("order 订单", "before 之前", "after 之后", "why 原因")

_MODES: Final = (
    "mode 方式", "orders 订单", "served 已服务", "service level 服务水平", "in parts 拆单", "by flagship 旗舰店", "rerouted 改派",
    "mean distance 平均距离",
)  # fmt: skip


@commands.callback()
def stores() -> None:
    """What a merchant's stores did with their orders."""


@commands.command("report")
def report(  # noqa: PLR0913  # one parameter per option
    merchant: Annotated[str, typer.Argument(help="The merchant, by its id.")],
    since: Annotated[str | None, typer.Option(help="Orders from then on (RFC 3339); else 30 days ago.")] = None,
    until: Annotated[str | None, typer.Option(help="Orders until then (RFC 3339); else now.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Stores, those with the most orders.")] = 500,
    picture: Annotated[
        Path | None, typer.Option("--map", help="Draw orders and stores, as SVG, into this file.")
    ] = None,
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:
    """Show each store's orders, revenue, and how often it fills, rejects and is on time, what it is credited with, and by how much it takes more; with --map, from where orders came."""
    narrowed = {"since": since, "until": until, "limit": str(limit)}
    document = asyncio.run(_asked(suite(stack), merchant, narrowed))
    if picture:
        draw(drawn(document), picture)
    if as_json:
        emit_json(document)
    else:
        _show(document)


@commands.command("what-if")
def what_if(  # noqa: PLR0913  # one parameter per option
    merchant: Annotated[str, typer.Argument(help="The merchant, by its id.")],
    since: Annotated[str | None, typer.Option(help="Orders from then on (RFC 3339); else yesterday, UTC.")] = None,
    until: Annotated[str | None, typer.Option(help="Orders until then (RFC 3339); else for a day.")] = None,
    *,
    rules: Annotated[Path | None, typer.Option(help="Rules as JSON: an object of the keys of --set.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help=f"A rule as key=value: {', '.join(what_ifs.KEYS)}.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Orders, the first ones.")] = 10_000,
    shown: Annotated[int, typer.Option("--show", min=0, max=10_000, help="Changed orders to list.")] = 20,
    stack: StackName = "default",
    as_json: Json = False,
) -> None:
    """Decide yesterday's orders again by other rules: distance, splits, flagship, load per store, before and after. Changes nothing."""
    wanted = {"rules": what_ifs.rules_of(rules, settings or ()), **what_ifs.span(since, until, datetime.now(UTC))}
    orders, total = asyncio.run(what_ifs.asked(suite(stack), merchant, wanted, limit))
    report = {"merchant_id": merchant, **wanted, "orders_left_out": max(0, total - len(orders))}
    report |= what_ifs.report_of(orders)
    if as_json:
        emit_json(report)
    else:
        _show_what_if(report, shown)


def _show_what_if(report: Document, shown: int) -> None:
    rules = ", ".join(f"{key}={value}" for key, value in report["rules"].items()) or "as they are 现行"
    out.print(f"{report['merchant_id']}: orders from {report['since']} until {report['until']}, {rules}")
    out.print(table(("figure 指标", "before 之前", "after 之后"), what_ifs.figures(report)))
    changed, unsure = report["changed"], report["unsure"]
    out.print(f"{changed:,} orders would go elsewhere 改变的订单, {unsure:,} of them unsure 其中库存不确定 (?)")
    if report["changes"] and shown:
        out.print(table(_CHANGES, [what_ifs.change(each) for each in report["changes"][:shown]]))
    if changed > shown:
        out.print(f"{changed - shown:,} more: --show lists them, --json has all 更多请用 --show 或 --json")
    out.print(
        f"{report['not_known']:,} orders are left out, as what was kept of their decisions does not show it "
        f"因留存信息不足未计入; {report['orders_left_out']:,} by --limit"
    )
    out.print(
        "replayed: the choice among the candidates that each decision kept; not: stores it did not keep, later declines "
        "重放的是每次决策留存的候选；未留存的门店与之后的拒单不在其中"
    )


async def _asked(target: Suite, merchant: str, narrowed: dict[str, str | None]) -> Document:
    """The report, what each store is credited with in the same time, and by how much stores take more a week."""
    document = await report_of(target, "inventory", merchant, "stores/report", **narrowed)
    time = {name: document[name] for name in ("since", "until")}
    uplift = await report_of(target, "inventory", merchant, "stores/uplift", until=document["until"][:10])
    return document | {"sales": await report_of(target, "inventory", merchant, "sales", **time), "uplift": uplift}


def _show(document: Document) -> None:
    out.print(f"{document['merchant_id']}: orders from {document['since']} until {document['until']}")
    if not document["stores"]:
        out.print("no store was given an order in this time 这段时间没有门店接到订单")
        return
    sales, uplift = _sales(document), {store["location_id"]: store for store in document["uplift"]["stores"]}
    out.print(table(_HEADINGS, [_row(store, sales, uplift) for store in document["stores"]]))
    if others := sorted(sales.keys() - {store["location_id"] for store in document["stores"]}):
        sold = ", ".join(f"{name} {sales[name]}" for name in others)
        out.print(f"sales of stores that were given no order 未接单门店的归属销售: {sold}")
    out.print(modes_of(document))
    _show_uplift(document["uplift"])
    if document["stores_left_out"]:
        out.print(f"{document['stores_left_out']:,} stores with fewer orders are left out: --limit shows more")


def modes_of(document: Document) -> Rows:
    """How well orders were served, by mode."""
    return table(_MODES, [_mode(each) for each in document.get("modes", ())])


def _mode(row: Document) -> tuple[str, ...]:
    metres = row["mean_distance_m"]
    counted = (f"{row[key]:,}" for key in ("in_parts", "by_flagship", "rerouted"))
    level = amount(row["service_level"], "share", "")
    return (
        row["mode"],
        f"{row['orders']:,}",
        f"{row['served']:,}",
        level,
        *counted,
        "–" if metres is None else f"{metres / 1000:.1f} km",
    )


def _show_uplift(uplift: Document) -> None:
    """What is known of all stores together, and of how many."""
    if uplift["pooled"] is None:
        out.print(
            "uplift: not enough data, eight whole weeks of turnover before and after a store's first order "
            "增收: 数据不足，需首单前后各八个整周的营业额"
        )
        return
    pooled = span(uplift["pooled"], _more)
    out.print(f"uplift per store 单店增收: {pooled}, {VERDICTS[uplift['verdict']]}, {uplift['measured']:,} stores")


def _more(share: float) -> str:
    """By how much more: of what was taken before, so in per cent and not in points."""
    return amount(share, "share", "", signed=True).replace("pp", "%")


def _sales(document: Document) -> dict[str, str]:
    """What each store is credited with, less refunds, in each currency."""
    found: dict[str, list[str]] = {}
    for each in document["sales"]:
        found.setdefault(each["location_id"], []).append(amount(each["balance_minor"], "minor", each["currency"]))
    return {location_id: " + ".join(amounts) for location_id, amounts in found.items()}


def _row(store: Document, sales: dict[str, str], uplift: dict[str, Document]) -> tuple[str, ...]:
    revenue = " + ".join(amount(minor, "minor", currency) for currency, minor in sorted(store["revenue_minor"].items()))
    name = store["location_id"] if store["kind"] == "store" else f"{store['location_id']} ({store['kind']})"
    counted = (f"{store[key]:,}" for key in ("given", "fulfilled", "units"))
    shares = (amount(store[key], "share", "") for key in ("fill_rate", "reject_rate", "on_time_rate"))
    found = uplift.get(store["location_id"], {}).get("shrunk")
    more = _more(found["value"]) if found else "–"
    return (name, *counted, revenue or "–", *shares, sales.get(store["location_id"], "–"), more)
