"""Dependencies of routes that need nothing but the request: FastAPI solves no tree for them."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from inspect import iscoroutinefunction
from typing import Any, Final

from fastapi import Request
from fastapi.dependencies.models import Dependant

_REQUEST: Final = "request_of_this_route"
"""What a route's request is passed as when the route itself does not ask for it."""


def documents(dependency: Callable[..., Any]) -> None:
    """Mark a dependency that only declares a header for OpenAPI: other code reads it."""
    vars(dependency)["documents"] = True


def direct(dependency: Callable[[Request], Awaitable[Any]]) -> None:
    """Mark a dependency that needs nothing but the request: its value is given without FastAPI solving a tree for it."""
    vars(dependency)["direct"] = True


def with_direct(dependant: Dependant) -> Dependant:
    """A route's function that gets the values of its direct dependencies from the request itself."""
    endpoint, own_request = dependant.call, dependant.request_param_name
    made = {
        each.name: each.call
        for each in dependant.dependencies
        if each.name and each.call and getattr(each.call, "direct", False)
    }
    if not made or not iscoroutinefunction(endpoint):
        return dependant

    async def call(**values: Any) -> Any:  # noqa: ANN401  # an endpoint's own arguments and result
        request = values[own_request] if own_request else values.pop(_REQUEST)
        for name, make in made.items():
            values[name] = await make(request)
        return await endpoint(**values)

    rest = [each for each in dependant.dependencies if each.name not in made]
    return replace(dependant, dependencies=rest, call=call, request_param_name=own_request or _REQUEST)
