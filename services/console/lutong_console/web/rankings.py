"""What people use: rankings of mini-programs and of categories; for staff also how many are active, and who comes back."""

import asyncio
from datetime import date, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.web.attempts import asked
from lutong_console.web.pages import PageError, session_of, show

ORDERS: Final = ("hottest", "growth")
DAYS: Final = (7, 14, 28)


async def rankings(request: Request) -> Response:
    """Programs by users or by growth, of one category or of all; categories; MAU and D7 of all programs for staff."""
    session = session_of(request, merchants=True)
    by, days = request.query_params.get("by", ORDERS[0]), request.query_params.get("days", "7")
    category = request.query_params.get("category", "").strip()
    if by not in ORDERS or days not in map(str, DAYS):
        raise PageError(422, "a ranking is by hottest or growth, of 7, 14 or 28 days")
    ranked, categories = await asyncio.gather(
        asked(request, "registry", "/v1/rankings", by=by, category=category or None, days=days, limit=50),
        asked(request, "registry", "/v1/rankings/categories"),
    )
    data = {"by": by, "days": int(days), "category": category, "ranked": ranked, "categories": categories}
    data |= {"orders": ORDERS, "spans": DAYS, "active": None, "retention": None}
    data["last_day"] = str(date.fromisoformat(ranked["until"]) - timedelta(days=1))
    if session.is_staff:
        data["active"], data["retention"] = await asyncio.gather(
            asked(request, "registry", "/v1/metrics/active"), asked(request, "registry", "/v1/metrics/retention")
        )
    return show(request, "rankings.html", data)


ROUTES: Final = (Route("/rankings", rankings),)
