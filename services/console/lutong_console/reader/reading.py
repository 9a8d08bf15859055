"""What a reader reads: the home feed, the square of mini-programs, a post with its card, and the search for services."""

import asyncio
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.reader.asking import Asking, RefusedError
from lutong_console.reader.pages import form_of, reader_of, show
from lutong_console.reader.people import SPOTS
from lutong_console.reader.reporting import report
from lutong_console.web.pages import back
from lutong_contracts.touches import read

PAGE: Final = 20
_QUESTION_MAX: Final = 200
_OFFERS_MAX: Final = 100
_ID_MAX: Final = 64
_PUSHES: Final = 3
_CATEGORY_MAX: Final = 30

RANKED: Final = {"hottest": "Most used this week", "growth": "Growing fastest"}
"""The orders of the ranking, and what they are called."""

SQUARES: Final = {
    "square": "All mini-programs",
    "recent": "Used lately",
    "hottest": "Hottest",
    "for_you": "For you",
}
"""The placements of the square, and what they are called."""


class Goods(NamedTuple):
    """What of a merchant is looked at."""

    merchant_id: str
    sku: str


Post = dict[str, Any]
"""A post as the feed gives it."""


async def home(request: Request) -> Response:
    """The reader's home feed, ranked, or the newest first."""
    order = "newest" if request.query_params.get("order") == "newest" else "ranked"
    data = await _placement(request, "home", order=order)
    data |= {"order": order, "less": "less" in request.query_params}
    data["pushes"] = [] if "cursor" in request.query_params else await _pushes(request)
    return show(request, "home.html", data)


async def _pushes(request: Request) -> list[dict[str, Any]]:
    """What accounts pushed to the reader lately. A home is no worse for a registry that does not answer."""
    me = reader_of(request)
    asking = Asking(request, me)
    try:
        found = await asking.get("registry", f"/v1/members/{me.account_id}/pushes", limit=_PUSHES)
        ids = sorted({each["account_id"] for each in found})
        accounts = await asyncio.gather(*(asking.find("feed", f"/v1/accounts/{account_id}") for account_id in ids))
    except RefusedError:
        return []
    names = {account["account_id"]: account["name"] for account in accounts if account}
    sent = [each | {"account": names.get(each["account_id"], each["account_id"])} for each in found if each["sent_at"]]
    return aged(sent, "sent_at")


async def rankings(request: Request) -> Response:
    """What most people use, or what grows most; of one category, or of all."""
    asking = Asking(request, reader_of(request))
    by = request.query_params.get("by", "")
    by, category = by if by in RANKED else next(iter(RANKED)), request.query_params.get("category", "")[:_CATEGORY_MAX]
    ranked = await asking.get("registry", "/v1/rankings", by=by, **({"category": category} if category else {}))
    found = await asking.get("registry", "/v1/rankings/categories")
    names = sorted({each["name"] for each in found["ranked"]} | ({category} if category else set()))
    data = {"ranked": ranked["ranked"], "orders": RANKED, "by": by, "category": category, "categories": names}
    return show(request, "rankings.html", data)


async def square(request: Request) -> Response:
    """Mini-programs: all, those that the reader used, those that all use, and those that may suit the reader."""
    chosen = request.query_params.get("in", "")
    placement = chosen if chosen in SQUARES else next(iter(SQUARES))
    return show(
        request, "square.html", await _placement(request, placement) | {"squares": SQUARES, "chosen": placement}
    )


async def _placement(request: Request, placement: str, **query: str) -> dict[str, Any]:
    """A page of a placement of the reader's own, as its template wants it."""
    me, cursor = reader_of(request), request.query_params.get("cursor", "")
    wanted = {"limit": PAGE} | query | ({"cursor": cursor} if cursor else {})
    path = f"/v1/accounts/{me.account_id}/placements/{placement}"
    asking = Asking(request, me)
    page: dict[str, Any] = await asking.get("feed", path, **wanted)
    await _with_promises(asking, [item["post"] for item in page["items"]])
    return page | {"items": items(page)}


def items(page: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of a placement, each post with how long ago it was published."""
    posts = aged([item["post"] for item in page["items"]])
    return [item | {"post": post} for item, post in zip(page["items"], posts, strict=True)]


async def post(request: Request) -> Response:
    """A post, and what its card offers. Opened from a list, it is reported as opened there."""
    asking = Asking(request, reader_of(request))
    await report(request, "open", [request.query_params.get("touch", "")])
    shown = await asking.get("feed", f"/v1/posts/{request.path_params['post_id']}")
    offers: list[dict[str, Any]] = []
    rules: list[dict[str, str]] | None = []
    if shown["card"]["state"] == "active":
        program = await asking.find("registry", f"/v1/programs/{shown['card']['program_id']}")
        if program:
            offers = await _promised(asking, program["merchant_id"], program["offers"])
            rules = await _rules(asking, program["merchant_id"])
    data: dict[str, Any] = {
        "post": aged([shown])[0],
        "offers": offers,
        "key": secrets.token_hex(16),
        "touch": _touch(request, shown),
    }
    data |= {"rules": rules, "till": request.query_params.get("till", "")[:_ID_MAX]}
    return show(request, "post.html", data)


def _touch(request: Request, shown: Post) -> str:
    """The item that led here: that of the list in the link, when it is the reader's own, or else this page's. Links are shared."""
    named = request.query_params.get("touch", "")
    served = read(named)
    mine = served and (served.viewer_id, served.post_id) == (reader_of(request).account_id, shown["post_id"])
    return named if mine else shown["touch"] or ""


async def _promised(asking: Asking, merchant_id: str, offers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Offers with what inventory promises of each at the first place now."""
    found = await _promises(asking, [Goods(merchant_id, offer["sku"]) for offer in offers])
    return [offer | {"availability": found.get(Goods(merchant_id, offer["sku"]))} for offer in offers]


async def _with_promises(asking: Asking, posts: list[Post]) -> None:
    """Let the cards of a page show what inventory promises of their goods, asked once for all of them."""
    lives = [post["card"]["live"] for post in posts if post["card"]["live"]]
    found = await _promises(asking, [Goods(live["merchant_id"], live["sku"]) for live in lives])
    for live in lives:
        live["promise"] = found.get(Goods(live["merchant_id"], live["sku"]))


async def _promises(asking: Asking, goods: Iterable[Goods]) -> dict[Goods, dict[str, Any]]:
    """What inventory promises of goods at the first place now. A page is no worse for an inventory that does not answer."""
    spot, wanted = next(iter(SPOTS.values())), sorted(set(goods))[:_OFFERS_MAX]
    where = {"latitude": spot.latitude, "longitude": spot.longitude}
    body = {"wanted": [each._asdict() | where for each in wanted]}
    try:
        found = await asking.command("inventory", "/v1/availability", body) if wanted else []
    except RefusedError:
        return {}
    return dict(zip(wanted, found, strict=False))


async def _rules(asking: Asking, merchant_id: str) -> list[dict[str, str]] | None:
    """What the reader agrees to with an order of this merchant, in words; None while membership does not answer: then nobody orders,
    for what they agree to has to be shown first."""
    try:
        plan = await asking.find("membership", f"/v1/members/{asking.person.account_id}/plans/{merchant_id}")
    except RefusedError:
        return None
    return plan["rules"] if plan else []


async def open_program(request: Request) -> Response:
    """Open the mini-program from the card: the feed counts the tap, and names the page."""
    form = await form_of(request)
    me, post_id = reader_of(request), request.path_params["post_id"]
    tapped = {"viewer_id": me.account_id} | ({"touch": form["touch"]} if form.get("touch") else {})
    opened = await Asking(request, me).command("feed", f"/v1/posts/{post_id}/card/taps", tapped)
    return show(request, "program.html", {"opened": opened, "post_id": post_id})


async def solve(request: Request) -> Response:
    """What the post was about is done, in the mini-program."""
    await form_of(request)
    me, post_id = reader_of(request), request.path_params["post_id"]
    path = f"/v1/posts/{post_id}/card/solutions"
    await Asking(request, me).command("feed", path, {"viewer_id": me.account_id})
    return back(f"/posts/{post_id}?solved=1")


async def revisions(request: Request) -> Response:
    """All that a post was, the latest first."""
    post_id = request.path_params["post_id"]
    found = await Asking(request, reader_of(request)).get("feed", f"/v1/posts/{post_id}/revisions")
    return show(request, "revisions.html", {"post_id": post_id, "revisions": aged(found[::-1], "written_at")})


async def revise(request: Request) -> Response:
    """The reader's own post has other words from now on."""
    form, post_id = await form_of(request), request.path_params["post_id"]
    seen = int(number) if (number := form.get("revision", "")).isdecimal() else 1
    words = {"text": form.get("text", ""), "revision": seen}
    await Asking(request, reader_of(request)).command("feed", f"/v1/posts/{post_id}", words, method="PATCH")
    return back(f"/posts/{post_id}")


async def delete(request: Request) -> Response:
    """The reader's own post goes, for good."""
    await form_of(request)
    me = reader_of(request)
    await Asking(request, me).command("feed", f"/v1/posts/{request.path_params['post_id']}", None, method="DELETE")
    return back(f"/accounts/{me.account_id}")


async def search(request: Request) -> Response:
    """Services for a question, and why each was found."""
    asking = Asking(request, reader_of(request))
    wanted = request.query_params.get("q", "").strip()[:_QUESTION_MAX]
    found = await asking.get("registry", "/v1/search", q=wanted) if wanted else []
    return show(request, "search.html", {"wanted": wanted, "found": found})


def aged(posts: list[Post], since: str = "published_at") -> list[Post]:
    """Posts with how long ago each was published."""
    now = datetime.now(UTC)
    return [each | {"age_s": max(0.0, (now - datetime.fromisoformat(each[since])).total_seconds())} for each in posts]


ROUTES: Final = (
    Route("/", home),
    Route("/square", square),
    Route("/search", search),
    Route("/rankings", rankings),
    Route("/posts/{post_id}", post),
    Route("/posts/{post_id}/program", open_program, methods=["POST"]),
    Route("/posts/{post_id}/revisions", revisions),
    Route("/posts/{post_id}/revisions", revise, methods=["POST"]),
    Route("/posts/{post_id}/deletion", delete, methods=["POST"]),
    Route("/posts/{post_id}/solution", solve, methods=["POST"]),
)
