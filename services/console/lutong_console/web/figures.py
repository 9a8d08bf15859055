"""A merchant's figures: what its stores did, with intervals; what stores take more; what light membership changed."""

import asyncio
import math
from statistics import NormalDist
from typing import Any, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.web.attempts import asked, asked_if_there, segment
from lutong_console.web.pages import PageError, session_of, show

_Z: Final = NormalDist().inv_cdf(0.975)
_STORES: Final = 200


class Interval(NamedTuple):
    """A share, and between what it is with 95 % confidence."""

    value: float
    low: float
    high: float


def wilson(hits: int, of: int) -> Interval | None:
    """The share of hits with Wilson's interval, which holds for few, too; None of nothing.

    >>> wilson(9, 10)
    Interval(value=0.9, low=0.5958, high=0.9821)
    """
    if of == 0:
        return None
    share, square = hits / of, _Z * _Z / of
    middle = (share + square / 2) / (1 + square)
    half = _Z * math.sqrt(share * (1 - share) / of + square / of / 4) / (1 + square)
    return Interval(round(share, 4), round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4))


def with_intervals(store: dict[str, Any]) -> dict[str, Any]:
    """A store of the report, and the intervals of its rates."""
    ended = store["fulfilled"] + store["rejected"] + store["lapsed"]
    return store | {"fill": wilson(store["fulfilled"], ended), "reject": wilson(store["rejected"], store["given"])}


async def figures(request: Request) -> Response:
    """The report of stores by orders, what they take more since their first order, and what membership changed."""
    session_of(request, merchants=True)
    merchant = request.path_params["merchant"]
    below = f"/v1/merchants/{segment(merchant)}"
    since, until = (request.query_params.get(name) or None for name in ("since", "until"))
    report, stores, members = await asyncio.gather(
        asked(request, "inventory", f"{below}/stores/report", since=since, until=until, limit=_STORES),
        asked(request, "inventory", f"{below}/stores/uplift"),
        asked_if_there(request, "membership", f"{below}/uplift"),  # of a merchant without an open plan there is none
    )
    data = {
        "merchant": merchant,
        "report": report | {"stores": [with_intervals(each) for each in report["stores"]]},
        "store_uplift": stores | {"stores": []},
        "member_uplift": members,
    }
    return show(request, "figures.html", data)


async def funnel(request: Request) -> Response:
    """From impressions to settlement, for one post and its reposts."""
    session_of(request)
    post = request.query_params.get("post", "").strip()
    found = await asked(request, "feed", f"/v1/posts/{segment(post)}/funnel") if post else None
    if found is not None and not isinstance(found, dict):
        raise PageError(404, "there is no funnel of this post")
    return show(request, "funnel.html", {"post": post, "funnel": found})


ROUTES: Final = (
    Route("/merchants/{merchant}/figures", figures),
    Route("/funnel", funnel),
)
