"""Accounts as a reader sees them: who posts, what they write about, and whether they are followed or kept apart."""

import asyncio
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.reader.asking import Asking
from lutong_console.reader.pages import form_of, reader_of, show
from lutong_console.reader.reading import PAGE, aged, items
from lutong_console.web.pages import back

_PROGRAMS: Final = 10


async def account(request: Request) -> Response:
    """Who posts: their posts, and whether the reader follows them."""
    asking = Asking(request, reader_of(request))
    where = f"/v1/accounts/{request.path_params['account_id']}"
    known = await asking.get("feed", where)
    cursor = request.query_params.get("cursor", "")
    programs = await asking.get("feed", f"{where}/programs", limit=_PROGRAMS) if known["program_ids"] else {"items": []}
    page, apart, reads, verticals = await asyncio.gather(
        asking.get("feed", f"{where}/posts", limit=PAGE, **({"cursor": cursor} if cursor else {})),
        asking.get("feed", f"/v1/accounts/{asking.person.account_id}/apart"),
        asking.get("feed", f"{where}/reads"),
        asking.get("feed", "/v1/verticals"),
    )
    known_verticals = verticals["verticals"]
    data = {
        "account": known,
        "programs": items(programs),
        "posts": aged(page["posts"]),
        "next_cursor": page["next_cursor"],
        "apart": apart,
        "reads": reads,
        "vertical": next((each for each in known_verticals if each["vertical"] == reads["vertical"]), None),
        "verticals": known_verticals,
    }
    return show(request, "account.html", data)


async def classify(request: Request) -> Response:
    """State what the reader's own account writes about."""
    form, me = await form_of(request), reader_of(request)
    body = {"vertical": form.get("vertical") or None}
    await Asking(request, me).command("feed", f"/v1/accounts/{me.account_id}/vertical", body, method="PUT")
    return back(f"/accounts/{me.account_id}")


async def mentioned(request: Request) -> Response:
    """The account that a mention names."""
    word = quote(request.path_params["word"], safe="")
    named = await Asking(request, reader_of(request)).get("feed", f"/v1/mentions/{word}")
    return back(f"/accounts/{named['account_id']}")


async def follow(request: Request) -> Response:
    """Follow an account, or stop."""
    form, me = await form_of(request), reader_of(request)
    account_id = request.path_params["account_id"]
    method = "PUT" if form.get("follow") == "yes" else "DELETE"
    path = f"/v1/accounts/{me.account_id}/follows/{account_id}"
    await Asking(request, me).command("feed", path, None, method=method)
    return back(f"/accounts/{account_id}")


async def keep_apart(request: Request) -> Response:
    """Block or mute an account, or end it."""
    form, me = await form_of(request), reader_of(request)
    account_id = request.path_params["account_id"]
    kind = "blocks" if form.get("kind") == "block" else "mutes"
    method = "PUT" if form.get("apart") == "yes" else "DELETE"
    path = f"/v1/accounts/{me.account_id}/{kind}/{account_id}"
    await Asking(request, me).command("feed", path, None, method=method)
    return back(f"/accounts/{account_id}")


ROUTES: Final = (
    Route("/accounts/{account_id}", account),
    Route("/accounts/{account_id}/vertical", classify, methods=["POST"]),
    Route("/accounts/{account_id}/follow", follow, methods=["POST"]),
    Route("/accounts/{account_id}/apart", keep_apart, methods=["POST"]),
    Route("/mentions/{word}", mentioned),
)
