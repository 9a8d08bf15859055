"""The audit page: who did what, to what, and why; of all services, the latest first."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.audit import changed, latest
from lutong_console.web.pages import session_of, show, target_of

_ROWS: Final = 100
_FILTERS: Final = ("actor", "action", "subject")


async def audit(request: Request) -> Response:
    """The latest deeds that fit. Services that do not answer are named; one that refuses is an error page."""
    session_of(request)
    wanted = {name: value for name in _FILTERS if (value := request.query_params.get(name, "").strip())}
    found = await latest(target_of(request), (), wanted, _ROWS)
    rows = [row | {"change": changed(row["before"], row["after"])} for row in found.rows]
    shown = {name: wanted.get(name, "") for name in _FILTERS}
    return show(request, "audit.html", {"rows": rows, "filters": shown, "silent": found.silent})


ROUTES: Final = (Route("/audit", audit),)
