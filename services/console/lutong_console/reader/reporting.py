"""What the reader saw and did, reported to the feed with the touches that it served. No page waits on a refusal of these."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.reader.asking import Asking, RefusedError
from lutong_console.reader.pages import form_of, reader_of
from lutong_console.web.pages import back

_TOUCHES_MAX: Final = 100


async def report(request: Request, kind: str, touches: Sequence[str]) -> None:
    """Report that items were seen, opened or not wanted. What the feed refuses counts no more, and is no page's business."""
    me = reader_of(request)
    interactions = [{"touch": touch, "kind": kind} for touch in touches if touch][:_TOUCHES_MAX]
    if interactions:
        body = {"viewer_id": me.account_id, "interactions": interactions}
        with suppress(RefusedError):
            await Asking(request, me).command("feed", "/v1/interactions", body)


async def impressions(request: Request) -> Response:
    """Posts were in view for a second: what the page's module sends."""
    form = await form_of(request)
    await report(request, "impression", form.get("touches", "").split())
    return Response(status_code=204)


async def less(request: Request) -> Response:
    """The reader wants less of this."""
    form = await form_of(request)
    await report(request, "show_less", [form.get("touch", "")])
    return back("/?less=1")


ROUTES: Final = (
    Route("/interactions", impressions, methods=["POST"]),
    Route("/less", less, methods=["POST"]),
)
