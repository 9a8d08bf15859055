"""Commands that go in batches: a route makes a command of its request, and asks.

    @router.post("/v1/posts/{post_id}/card/taps", status_code=201, response_model=CardView)
    @allowed("member", "operator")
    async def tap_card(post_id: Identifier, viewer: Viewer, who: Who, ask: Ask) -> Response:
        who.require(member=viewer.viewer_id, hide=("account", viewer.viewer_id))
        return await ask(TapCard(post_id, viewer.viewer_id))

Such a route has no transaction of its own. The answer is made in that of the batch, and kept there under its key.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

import structlog
from fastapi import Depends, Request, Response
from fastapi.dependencies.models import Dependant
from structlog.contextvars import bind_contextvars

from lutong_chassis.commands import Asked, Claim
from lutong_chassis.commands.asked import Given
from lutong_chassis.database import new_cause
from lutong_chassis.envelope import Cause
from lutong_chassis.http.authorization import Run
from lutong_chassis.http.claims import cause_of, claim_of, names_journey
from lutong_chassis.http.direct import direct
from lutong_chassis.parking import summarise_error
from lutong_chassis.request import current

log = structlog.get_logger(__name__)

Asking = Callable[[object], Awaitable[Response]]


async def _ask(request: Request) -> Asking:
    """What a route asks with: once, for a key has one answer."""

    async def ask(command: object) -> Response:
        if request.state.asked:
            raise TypeError("a request asks for one command: put what it wants into one")
        request.state.asked = True
        asked = await asked_by(request, command)
        given = await request.app.state.service.lanes.ask(asked, request.app.state.settings)
        return reply(request, given)

    return ask


async def asked_by(request: Request, command: object) -> Asked[object]:
    """A command with the facts of the request that it came with."""
    cause: Cause = request.state.cause
    return Asked(
        command,
        request.state.principal,
        cause,
        request.state.claim,
        current(),
        request.scope["route"].status_code or 200,
        len(await request.body()),
        names_journey(request, cause),
    )


async def note(request: Request, command: object) -> None:
    """Have a command done beside a query, on a journey of its own: what its answer shows has been seen.

    The query does not depend on it: what goes wrong with it is logged, and nothing else.
    """
    service, settings = request.app.state.service, request.app.state.settings
    asked = Asked(command, request.state.principal, new_cause(), Claim("", None, ""))
    try:
        await service.lanes.ask(asked, settings)
    except Exception as error:  # of whatever kind: the query is answered all the same
        log.info("not_noted", command=type(command).__name__, error=summarise_error(error))


def reply(request: Request, given: Given) -> Response:
    """An answer as it is sent."""
    request.state.journey = given.journey
    headers = {"idempotency-replayed": "true"} if given.replayed else None
    return Response(given.body, given.status, headers, given.media_type if given.body else None)


direct(_ask)

Ask = Annotated[Asking, Depends(_ask)]
"""Has a command done in a batch with others of its kind; gives the answer as it is sent. A refusal is raised."""


def asks(dependant: Dependant) -> bool:
    """Whether a route takes `Ask`."""
    return any(each.call is _ask for each in dependant.dependencies)


async def ask_by(request: Request, run: Run) -> Response:
    """Answer a request whose route asks."""
    request.state.claim = claim_of(request, await request.body())
    request.state.cause = cause = cause_of(request)
    request.state.asked = False
    request.state.journey = cause.correlation_id  # refusals name it too
    bind_contextvars(journey=cause.correlation_id)  # until RequestIds ends
    return await run(request)
