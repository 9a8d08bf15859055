"""Finding the route of a request by the shape of its path: a service has dozens, and a list is tried one after the other."""

import copy
from typing import Final, NamedTuple

from fastapi import APIRouter
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

_HEAD_SEGMENTS: Final = 2


class Shape(NamedTuple):
    """How many segments a path has, its first two, and its last; None where a route has a parameter there."""

    segments: int
    head: str
    last: str | None


class Dispatch:
    """Lets a router try only the routes whose path has the same shape, in their order.

    What none of them takes (another path, another method) goes to the whole router, whose answer is the same as ever.
    """

    def __init__(self, router: APIRouter) -> None:
        self.router = router
        routes = [(_shape_of(getattr(route, "path", "")), route) for route in router.routes]
        self.by_shape = {
            wanted: _only(router, [route for shape, route in routes if _may_take(shape, wanted)])
            for wanted, _ in routes
            if "{" not in wanted.head
        }

    def near(self, scope: Scope) -> APIRouter | None:
        """The router with the few routes that may take a request; None when none of them does."""
        shape = _shape(scope["path"])
        near = self.by_shape.get(shape) or self.by_shape.get(shape._replace(last=None))
        if near is None or all(route.matches(scope)[0] is not Match.FULL for route in near.routes):
            return None
        return near

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Dispatch a request."""
        router = self.near(scope) if scope["type"] == "http" else None
        await (router or self.router).app(scope, receive, send)


def _shape(path: str) -> Shape:
    head = "/".join(path.split("/", _HEAD_SEGMENTS + 1)[: _HEAD_SEGMENTS + 1])
    return Shape(path.count("/"), head, path.rpartition("/")[2])


def _shape_of(template: str) -> Shape:
    """The shape of a route's path."""
    shape = _shape(template)
    return shape._replace(last=None) if "{" in template.rpartition("/")[2] else shape


def _may_take(shape: Shape, wanted: Shape) -> bool:
    """Whether a route of this shape may take paths of the wanted one: with a parameter at the end, it may take any end."""
    return shape[:2] == wanted[:2] and shape.last in (wanted.last, None)


def _only(router: APIRouter, routes: list[BaseRoute]) -> APIRouter:
    """The same router with some of its routes."""
    near = copy.copy(router)
    near.routes = routes
    return near
