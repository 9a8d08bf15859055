"""The catalogue page: every event type, who publishes it, who handles it, on which topic and under which key."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.subscriptions import handled_types
from lutong_console.web.pages import PageError, session_of, show
from lutong_contracts import event_types
from lutong_contracts.schema import schema


def entries() -> list[dict[str, Any]]:
    """All event types of the contracts, by topic."""
    handled = handled_types()
    return [
        {
            "type": name,
            "name": event.__name__,
            "topic": event.topic.name,
            "key": event.topic.key,
            "publisher": event.topic.owner,
            "consumers": sorted(service for service, types in handled.items() if name in types),
            "summary": first_sentence(event.__doc__ or ""),
        }
        for name, event in sorted(event_types().items(), key=lambda item: (item[1].topic.name, item[0]))
    ]


def first_sentence(text: str) -> str:
    r"""The first sentence of a docstring, in one line.

    >>> first_sentence("An author published a post. `program_id` is set\n    when it was chosen.")
    'An author published a post.'
    """
    sentence, stop, _ = " ".join(text.split()).partition(". ")
    return sentence + stop.strip()


async def catalogue(request: Request) -> Response:
    """All event types."""
    session_of(request)
    return show(request, "catalogue.html", {"entries": entries()})


async def event_type(request: Request) -> Response:
    """One event type with its schema."""
    session_of(request)
    name = request.path_params["type"]
    entry = next((each for each in entries() if each["type"] == name), None)
    if entry is None:
        raise PageError(404, f"there is no event type {name}")
    return show(request, "event_type.html", {"entry": entry, "schema": schema(event_types()[name])})


ROUTES: Final = (Route("/catalogue", catalogue), Route("/catalogue/{type}", event_type))
