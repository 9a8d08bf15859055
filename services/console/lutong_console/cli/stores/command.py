"""lutong stores: what each store of a merchant did with its orders, as a table and as a map.

Inventory answers `GET /v1/merchants/{merchant_id}/stores/report`; docs/stores.md has the definitions.
"""

import asyncio
from pathlib import Path
from typing import Annotated, Final

import typer

from lutong_console.cli.merchant_report import Document, draw, report_of
from lutong_console.cli.screen import Rows, emit_json, out, table
from lutong_console.cli.stores.store_map import drawn
from lutong_console.cli.uplift.format import amount
from lutong_console.targets import Json, StackName, suite

commands = typer.Typer(help="What a merchant's stores did with their orders: report.", no_args_is_help=True)

_HEADINGS: Final = (
    "store 门店", "given 派单", "fulfilled 完成", "units 件数", "revenue 销售额", "fill 满足率", "reject 拒单率", "on time 准时率"
)  # fmt: skip

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
    """Show each store's orders, revenue, and how often it fills, rejects and is on time; with --map, from where orders came."""
    narrowed = {"since": since, "until": until, "limit": str(limit)}
    document = asyncio.run(report_of(suite(stack), "inventory", merchant, "stores/report", **narrowed))
    if picture:
        draw(drawn(document), picture)
    if as_json:
        emit_json(document)
    else:
        _show(document)


def _show(document: Document) -> None:
    out.print(f"{document['merchant_id']}: orders from {document['since']} until {document['until']}")
    if not document["stores"]:
        out.print("no store was given an order in this time 这段时间没有门店接到订单")
        return
    out.print(table(_HEADINGS, [_row(store) for store in document["stores"]]))
    out.print(modes_of(document))
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


def _row(store: Document) -> tuple[str, ...]:
    revenue = " + ".join(amount(minor, "minor", currency) for currency, minor in sorted(store["revenue_minor"].items()))
    name = store["location_id"] if store["kind"] == "store" else f"{store['location_id']} ({store['kind']})"
    counted = (f"{store[key]:,}" for key in ("given", "fulfilled", "units"))
    shares = (amount(store[key], "share", "") for key in ("fill_rate", "reject_rate", "on_time_rate"))
    return (name, *counted, revenue or "–", *shares)
