"""What a merchant offers its members: plans in versions, and coupons."""

from typing import Any, Final

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.cli.errors import ConsoleError
from lutong_console.targets import call
from lutong_console.web.attempts import NOTHING, Attempt, Form, asked, attempt, minor, segment, whole
from lutong_console.web.pages import session_of, show, target_of

_ROWS: Final = 100


async def plans(request: Request) -> Response:
    """The plans of a merchant, with what nobody's coming costs."""
    session_of(request, merchants=True)
    return await _plans(request, NOTHING)


async def _plans(request: Request, tried: Attempt) -> Response:
    return await _listed(request, tried, "plans", "plan_id", "plans.html")


async def coupons(request: Request) -> Response:
    """The stocks of coupons of a merchant, and how much of each is given out."""
    session_of(request, merchants=True)
    return await _coupons(request, NOTHING)


async def _coupons(request: Request, tried: Attempt) -> Response:
    return await _listed(request, tried, "coupon-stocks", "stock_id", "coupons.html")


async def _listed(request: Request, tried: Attempt, what: str, key: str, template: str) -> Response:
    merchant, after = request.path_params["merchant"], request.query_params.get("after", "")
    path = f"/v1/merchants/{segment(merchant)}/{what}"
    rows = await asked(request, "membership", path, after=after, limit=_ROWS)
    more = rows[-1][key] if len(rows) == _ROWS else None
    return show(request, template, {"merchant": merchant, "rows": rows, "more": more, **tried.shown}, tried.status)


async def put_plan(request: Request) -> Response:
    """Write the next version of a plan; what its terms have beyond this form stays."""
    return await attempt(request, _put_plan, _plans, request.url.path)


async def _put_plan(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    merchant, plan_id = request.path_params["merchant"], form.get("plan_id", "").strip()
    url = f"{target_of(request).urls['membership']}/v1/plans/{segment(plan_id or '-')}"
    fee_minor = minor(form, "no_show_fee")
    discount = whole(form, "discount_percent") if form.get("discount_percent", "").strip() else 0
    terms = await _terms(client, url, merchant)
    terms = {name: value for name, value in terms.items() if name not in {"no_show", "no_show_fee_minor"}}
    terms["benefits"] = terms.get("benefits", {}) | {"discount_percent": discount}
    if fee_minor:
        terms |= {"no_show": "keep", "no_show_fee_minor": fee_minor}
    body = {"merchant_id": merchant, "title": form.get("title", "").strip(), "terms": terms}
    await call(client, "PUT", url, json=body | {"line_limit_minor": minor(form, "line_limit")})


async def _terms(client: httpx.AsyncClient, url: str, merchant: str) -> dict[str, Any]:
    """The terms of the latest version, if the plan is there and this merchant's: another's is refused where it is written."""
    try:
        known = await call(client, "GET", url)
    except ConsoleError:
        return {}
    return dict(known["terms"]) if known["merchant_id"] == merchant else {}


async def put_stock(request: Request) -> Response:
    """Open a stock of coupons, or change how many may be given out."""
    return await attempt(request, _put_stock, _coupons, request.url.path)


async def _put_stock(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    stock_id = form.get("stock_id", "").strip()
    numbers = {name: whole(form, name, 1) for name in ("total", "daily_total", "member_total")}
    amounts = {"amount_off_minor": minor(form, "amount_off"), "minimum_minor": minor(form, "minimum")}
    body = {"merchant_id": request.path_params["merchant"], "paused": "paused" in form, **numbers, **amounts}
    url = f"{target_of(request).urls['membership']}/v1/coupon-stocks/{segment(stock_id or '-')}"
    await call(client, "PUT", url, json=body)


ROUTES: Final = (
    Route("/merchants/{merchant}/plans", plans),
    Route("/merchants/{merchant}/plans", put_plan, methods=["POST"]),
    Route("/merchants/{merchant}/coupons", coupons),
    Route("/merchants/{merchant}/coupons", put_stock, methods=["POST"]),
)
