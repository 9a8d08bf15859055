"""Writing: drafts that the reader alone sees, published now or at a time. A page and its forms, without JavaScript."""

import secrets
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.reader.asking import Asking, RefusedError
from lutong_console.reader.pages import form_of, reader_of, show
from lutong_console.web.pages import back

ZONE: Final = ZoneInfo("Asia/Shanghai")
"""In which times are written here, whatever clock the browser has."""
AGAIN: Final = "转发微博"
"""The text of a repost whose author wrote none."""
_LOCAL: Final = "%Y-%m-%dT%H:%M"


async def drafts(request: Request) -> Response:
    """What the reader wrote and has not published, and an empty sheet."""
    me = reader_of(request)
    found = await Asking(request, me).get("feed", f"/v1/accounts/{me.account_id}/drafts")
    return show(request, "drafts.html", {"drafts": [_timed(draft) for draft in found], "fresh": secrets.token_hex(8)})


def _timed(draft: dict[str, Any]) -> dict[str, Any]:
    """A draft with its time as a form takes it."""
    at = draft["publish_at"]
    return draft | {"publish_at": datetime.fromisoformat(at).astimezone(ZONE).strftime(_LOCAL) if at else ""}


async def write(request: Request) -> Response:
    """Keep what the reader wrote, with its time if they gave one; publish it at once if they chose that."""
    form, me = await form_of(request), reader_of(request)
    place = f"/v1/accounts/{me.account_id}/drafts/{request.path_params['draft_id']}"
    asking, at_once = Asking(request, me), form.get("act") == "publish"
    at = None if at_once else _moment(form.get("publish_at", ""))
    draft = {"text": form.get("text", ""), "publish_at": at, "audience": _audience(form)}
    await asking.command("feed", place, draft, method="PUT")
    if not at_once:
        return back("/drafts")
    published = await asking.command("feed", f"{place}/publication", None)
    return back(f"/posts/{published['post_id']}")


def _moment(local: str) -> str | None:
    """A time of the form with its zone; None for no time. Raises a refusal for one that is none."""
    if not local:
        return None
    try:
        return datetime.strptime(local, _LOCAL).replace(tzinfo=ZONE).isoformat()
    except ValueError:
        raise RefusedError(422, "This is no time: write it as 2030-01-31T08:00.") from None


async def drop(request: Request) -> Response:
    """A draft goes; one that was scheduled is not published."""
    await form_of(request)
    me = reader_of(request)
    path = f"/v1/accounts/{me.account_id}/drafts/{request.path_params['draft_id']}"
    await Asking(request, me).command("feed", path, None, method="DELETE")
    return back("/drafts")


async def quote(request: Request) -> Response:
    """Publish words of the reader with a post below them; a form that is sent twice publishes once."""
    form, me = await form_of(request), reader_of(request)
    return await _publish(request, form, {"author_id": me.account_id, "quote_id": request.path_params["post_id"]})


async def repost(request: Request) -> Response:
    """Publish a post again under the reader's name, with words of theirs or without; a form that is sent twice publishes once."""
    form, me = await form_of(request), reader_of(request)
    form["text"] = form.get("text", "").strip() or AGAIN
    return await _publish(request, form, {"author_id": me.account_id, "parent_id": request.path_params["post_id"]})


async def _publish(request: Request, form: dict[str, str], post: dict[str, str]) -> Response:
    words = {"text": form.get("text", ""), "audience": _audience(form)}
    published = await Asking(request, reader_of(request)).command(
        "feed", "/v1/posts", post | words, key=form.get("key", "")
    )
    return back(f"/posts/{published['post_id']}")


async def limit(request: Request) -> Response:
    """Others see the reader's own post from now on, or not any more."""
    form, post_id = await form_of(request), request.path_params["post_id"]
    path = f"/v1/posts/{post_id}/audience"
    await Asking(request, reader_of(request)).command("feed", path, {"audience": _audience(form)}, method="PUT")
    return back(f"/posts/{post_id}")


def _audience(form: dict[str, str]) -> str:
    """Who is to see it, by a form; the feed refuses what is no audience."""
    return form.get("audience") or "everybody"


ROUTES: Final = (
    Route("/posts/{post_id}/quotes", quote, methods=["POST"]),
    Route("/posts/{post_id}/reposts", repost, methods=["POST"]),
    Route("/posts/{post_id}/audience", limit, methods=["POST"]),
    Route("/drafts", drafts),
    Route("/drafts/{draft_id}", write, methods=["POST"]),
    Route("/drafts/{draft_id}/deletion", drop, methods=["POST"]),
)
