"""Finding the route of a request by the shape of its path: a service has dozens, and a list is tried one after the other."""

import copy
from collections import defaultdict
from typing import Final

from fastapi import APIRouter
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

_SHAPE_SEGMENTS: Final = 2


class Dispatch:
    """Lets a router try only the routes whose path has the same shape: as many segments, and the same first two.

    What none of them takes (another path, another method) goes to the whole router, whose answer is the same as ever.
    """

    def __init__(self, router: APIRouter) -> None:
        self.router = router
        by_shape: dict[tuple[int, str], list[BaseRoute]] = defaultdict(list)
        for route in router.routes:
            by_shape[_shape(getattr(route, "path", ""))].append(route)
        self.by_shape = {shape: _only(router, routes) for shape, routes in by_shape.items() if "{" not in shape[1]}

    def near(self, scope: Scope) -> APIRouter | None:
        """The router with the few routes that may take a request; None when none of them does."""
        near = self.by_shape.get(_shape(scope["path"]))
        if near is None or all(route.matches(scope)[0] is not Match.FULL for route in near.routes):
            return None
        return near

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Dispatch a request."""
        router = self.near(scope) if scope["type"] == "http" else None
        await (router or self.router).app(scope, receive, send)


def _shape(path: str) -> tuple[int, str]:
    """How many segments a path has, and its first two."""
    return path.count("/"), "/".join(path.split("/", _SHAPE_SEGMENTS + 1)[: _SHAPE_SEGMENTS + 1])


def _only(router: APIRouter, routes: list[BaseRoute]) -> APIRouter:
    """The same router with some of its routes."""
    near = copy.copy(router)
    near.routes = routes
    return near
