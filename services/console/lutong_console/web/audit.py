"""The audit page: who did what, to what, and why; of all services, the latest first."""

import asyncio
from typing import Any, Final

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.cli.commands.audit import changed, merged
from lutong_console.cli.errors import ConsoleError
from lutong_console.targets import call
from lutong_console.web.pages import session_of, show, target_of

_ROWS: Final = 100
_FILTERS: Final = ("actor", "action", "subject")


async def audit(request: Request) -> Response:
    """The latest deeds that fit; services that do not answer are named."""
    session_of(request)
    wanted = {name: value for name in _FILTERS if (value := request.query_params.get(name, "").strip())}
    target = target_of(request)
    async with target.client(10) as client:
        found = await asyncio.gather(*(_rows(client, name, url, wanted) for name, url in target.urls.items()))
    silent = [name for name, rows in zip(target.urls, found, strict=True) if rows is None]
    rows = [row | {"change": changed(row["before"], row["after"])} for row in merged([part for part in found if part])]
    shown = {name: wanted.get(name, "") for name in _FILTERS}
    return show(request, "audit.html", {"rows": rows[:_ROWS], "filters": shown, "silent": silent})


async def _rows(
    client: httpx.AsyncClient, service: str, url: str, wanted: dict[str, str]
) -> list[dict[str, Any]] | None:
    try:
        page = await call(client, "GET", f"{url}/operations/audit", params=wanted | {"limit": str(_ROWS)})
    except ConsoleError:
        return None
    return [{"service": service} | row for row in page["rows"]]


ROUTES: Final = (Route("/audit", audit),)
