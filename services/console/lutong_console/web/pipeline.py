"""The pipeline page: one strip for each service, from its outbox to what it set aside; partitions on request."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from lutong_console.pipeline import as_json
from lutong_console.web.pages import PageError, session_of, show, wants_json


async def pipeline(request: Request) -> Response:
    """All services."""
    session_of(request)
    strips = (await request.app.state.live.first()).strips
    if wants_json(request):
        return show(request, "", {"strips": [as_json(strip) for strip in strips]})
    return show(request, "pipeline.html", {"strips": strips})


async def partitions(request: Request) -> Response:
    """One service, partition by partition; those with the most lag first."""
    session_of(request)
    window = await request.app.state.live.first()
    service = request.path_params["service"]
    found = next((strip for strip in window.strips if strip.service == service), None)
    if found is None:
        raise PageError(404, f"there is no service {service}")
    rows = sorted(found.sample.progress if found.sample else (), key=lambda each: -each.lag_events)
    return show(request, "partitions.html", {"strip": found, "rows": rows})


async def stream(request: Request) -> Response:
    """The strips as they change."""
    session_of(request)
    return StreamingResponse(request.app.state.live.strips(), media_type="text/event-stream")


ROUTES: Final = (
    Route("/", pipeline),
    Route("/pipeline/{service}", partitions),
    Route("/live", stream),
)
