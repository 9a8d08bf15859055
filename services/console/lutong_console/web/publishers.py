"""The publishers page: who publishes what and when last, and what was rejected: why, where, and how to try it again."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.publishing import look
from lutong_console.web.pages import session_of, show, target_of

HOURS: Final = 24
_REJECTED_MAX: Final = 100


async def publishers(request: Request) -> Response:
    """All publishers of the last day, and the latest events that were rejected; `publisher` narrows both."""
    session_of(request)
    wanted = request.query_params.get("publisher", "").strip()
    seen = await look(target_of(request), HOURS, _REJECTED_MAX)
    data = {
        "wanted": wanted,
        "publishers": [each for each in seen.publishers if wanted in f"{each.subject or ''} {each.source}"],
        "rejected": [each for each in seen.rejected if wanted in each.subject],
        "silent": seen.silent,
    }
    return show(request, "publishers.html", data)


ROUTES: Final = (Route("/publishers", publishers),)
