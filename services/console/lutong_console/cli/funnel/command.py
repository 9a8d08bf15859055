"""lutong funnel: from the impressions of a post to settled orders, per placement and per repost, as a table or a picture.

The feed answers `GET /v1/posts/{post_id}/funnel`; ADR 38 has the rule by which orders are credited.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from lutong_console.cli.funnel.picture import STAGES, drawn
from lutong_console.cli.merchant_report import draw
from lutong_console.cli.screen import emit_json, out, table
from lutong_console.cli.uplift.format import amount
from lutong_console.targets import Json, StackName, Suite, call, suite

Document = dict[str, Any]
"""A funnel as the feed answers it."""

_TIMEOUT_S: Final = 60
_HEADINGS: Final = ("where 来源", *STAGES.values(), "reversed 撤销", "net 净额")


def funnel(
    post: Annotated[str, typer.Argument(help="The post, by its id.")],
    picture: Annotated[Path | None, typer.Option("--svg", help="Draw the funnel, as SVG, into this file.")] = None,
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:
    """Show how many came from impressions to settlement, net of refunds: a post, its placements and its reposts."""
    document = asyncio.run(_funnel_of(suite(stack), post))
    if picture:
        draw(drawn(document), picture)
    if as_json:
        emit_json(document)
    else:
        _show(document)


async def _funnel_of(target: Suite, post: str) -> Document:
    async with target.client(_TIMEOUT_S) as client:
        document: Document = await call(client, "GET", f"{target.urls['feed']}/v1/posts/{quote(post, safe='')}/funnel")
        return document


def _show(document: Document) -> None:
    out.print(f"{document['post_id']}: one credit per order, by {document['rule']}")
    out.print(table(_HEADINGS, list(_rows(document))))
    credit = amount(document["credit_net_minor"], "minor", document["currency"] or "")
    out.print(
        f"credit after splitting along reposts 转发链分摊后: {document['credit_ppm'] / 1_000_000:.2f} orders, {credit}"
    )
    out.print(f"seen within a day before an order 24小时内看过: {document['view_through']:,}")


def _rows(document: Document) -> Iterator[tuple[str, ...]]:
    currency = document["currency"] or ""
    yield _row("this post 本条", document["own"], currency)
    for each in document["placements"]:
        yield _row(f"in {each['placement']} 场景", each, currency)
    for each in document["edges"]:
        yield _row(f"{'  ' * each['depth']}repost {each['post_id']} 转发", each, currency)
    yield _row("all 合计", document["tree"], currency)


def _row(name: str, stages: Document, currency: str) -> tuple[str, ...]:
    counted = (f"{stages[stage]:,}" for stage in (*STAGES, "reversed"))
    return (name, *counted, amount(stages["net_minor"], "minor", currency))
