"""lutong uplift: what light membership changed for a merchant, members treated against members held out.

Membership answers `GET /v1/merchants/{merchant_id}/uplift` (`plan_id`, `since` and `until` narrow it down) with

    {"merchant_id": "watsons", "plan_id": "light", "currency": "CNY",
     "window": {"since": "2026-10-01T00:00:00+08:00", "until": "2026-11-01T00:00:00+08:00"},
     "holdout_percent": 10, "members": {"treated": 9024, "holdout": 1003},
     "sound": true, "checks": [{"name": "sample_ratio", "passed": true, "p_value": 0.93}, …],
     "kpis": [{"name": "order_value", "definition": "…", "unit": "minor" | "orders" | "share",
               "treated": 11834.2, "holdout": 7650.1, "n_treated": 4011, "n_holdout": 402,
               "difference": {"value": …, "low": …, "high": …} | null, "ratio": {…} | null,
               "verdict": "higher" | "lower" | "no_effect_found" | "not_enough_data"}, …]}

where everything from `holdout_percent` on is what `lutong_membership.plans.domain.uplift.measure` gives. Intervals are of 95 %.
"""

import asyncio
from pathlib import Path
from typing import Annotated, Final

import typer

from lutong_console.cli.errors import PROBLEM
from lutong_console.cli.merchant_report import Document, draw, report_of
from lutong_console.cli.screen import emit_json, out, table
from lutong_console.cli.uplift.forest_plot import forest
from lutong_console.cli.uplift.format import KPI_NAMES, VERDICTS, amount, span
from lutong_console.targets import Json, StackName, suite

_CHECK_FAILED: Final = {
    "sample_ratio": "the arms are not as large as they were meant to be",
    "exposure_days": "one arm was exposed for longer than the other",
    "orders_before": "the arms ordered differently before membership could change anything",
    "paid_before": "the arms paid differently before membership could change anything",
}


def uplift(  # noqa: PLR0913  # one parameter per option
    merchant: Annotated[str, typer.Argument(help="The merchant, by its id.")],
    plan: Annotated[str | None, typer.Option(help="One of its plans, instead of the open one.")] = None,
    since: Annotated[str | None, typer.Option(help="Where the window begins (RFC 3339); else 30 days ago.")] = None,
    until: Annotated[str | None, typer.Option(help="Where the window ends (RFC 3339); else now.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw it as well, as SVG, into this file.")] = None,
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:
    """Compare members who were offered membership with members who were held out. Exit code 1 when that is not sound."""
    asking = report_of(suite(stack), "membership", merchant, "uplift", plan_id=plan, since=since, until=until)
    document = asyncio.run(asking)
    if picture:
        draw(forest(document), picture)
    if as_json:
        emit_json(document)
    else:
        _show(document)
    if not document["sound"]:
        raise typer.Exit(PROBLEM)


def _show(document: Document) -> None:
    window, members, currency = document["window"], document["members"], document["currency"]
    out.print(
        f"{document['merchant_id']}, plan {document['plan_id']}: {window['since']} to {window['until']}, "
        f"{members['treated']:,} members treated, {members['holdout']:,} held out ({document['holdout_percent']:g} %)"
    )
    headings = ("what", "treated", "held out", "difference (95 %)", "ratio (95 %)", "members", "verdict")
    out.print(table(headings, [_row(kpi, currency) for kpi in document["kpis"]]))
    for check in document["checks"]:
        if not check["passed"]:
            why = _CHECK_FAILED.get(check["name"], check["name"])
            out.print(f"[bold red]not sound:[/] {why}; the figures mean nothing until that is explained", markup=True)


def _row(kpi: Document, currency: str) -> tuple[str, ...]:
    unit = kpi["unit"]
    difference, ratio = kpi["difference"], kpi["ratio"]
    return (
        KPI_NAMES.get(kpi["name"], kpi["name"]),
        amount(kpi["treated"], unit, currency),
        amount(kpi["holdout"], unit, currency),
        span(difference, lambda value: amount(value, unit, currency, signed=True)) if difference else "",
        span(ratio, lambda value: f"×{value:.2f}") if ratio else "",
        f"{kpi['n_treated']:,} / {kpi['n_holdout']:,}",
        VERDICTS.get(kpi["verdict"], kpi["verdict"]),
    )
