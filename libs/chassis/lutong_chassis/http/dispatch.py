"""Finding the route of a request by the shape of its path: a service has dozens, and a list is tried one after the other."""

import copy
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final, NamedTuple

from fastapi import APIRouter
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

_HEAD_SEGMENTS: Final = 2


class Shape(NamedTuple):
    """How many segments a path has, its first two, the last but one, and the last; None where a route has a parameter there."""

    segments: int
    head: str
    before: str | None
    last: str | None


class Dispatch:
    """Lets a router try only the routes whose path has the same shape, in their order.

    What none of them takes (another path, another method) goes to the whole router, whose answer is the same as ever.
    """

    def __init__(self, router: APIRouter) -> None:
        self.router = router
        routes = [(_shape_of(getattr(route, "path", "")), route) for route in router.routes]
        self.by_shape = {
            wanted: _only(router, taking)
            for wanted in _every([shape for shape, _ in routes if "{" not in shape.head])
            if (taking := [route for shape, route in routes if _may_take(shape, wanted)])
        }

    def near(self, scope: Scope) -> APIRouter | None:
        """The router with the few routes that may take a request; None when none of them does."""
        segments, head, before, last = _shape(scope["path"])
        ends = ((before, last), (before, None), (None, last), (None, None))
        near = next((found for end in ends if (found := self.by_shape.get(Shape(segments, head, *end)))), None)
        if near is None or all(route.matches(scope)[0] is not Match.FULL for route in near.routes):
            return None
        return near

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Dispatch a request."""
        router = self.near(scope) if scope["type"] == "http" else None
        await (router or self.router).app(scope, receive, send)


def _shape(path: str) -> Shape:
    head = "/".join(path.split("/", _HEAD_SEGMENTS + 1)[: _HEAD_SEGMENTS + 1])
    rest, _, last = path.rpartition("/")
    return Shape(path.count("/"), head, rest.rpartition("/")[2], last)


def _shape_of(template: str) -> Shape:
    """The shape of a route's path."""
    segments, head, *ends = _shape(template)
    return Shape(segments, head, *(None if end is None or "{" in end else end for end in ends))


def _every(shapes: Sequence[Shape]) -> Iterator[Shape]:
    """These shapes, and those that paths have which two of them may take: each of their ends with each other."""
    for segments, head in {shape[:2] for shape in shapes}:
        alike = [shape for shape in shapes if shape[:2] == (segments, head)]
        ends = product({None, *(shape.before for shape in alike)}, {None, *(shape.last for shape in alike)})
        yield from (Shape(segments, head, *end) for end in ends)


def _may_take(shape: Shape, wanted: Shape) -> bool:
    """Whether a route of this shape may take paths of the wanted one: where it has a parameter, it may take anything."""
    return shape[:2] == wanted[:2] and shape.before in (wanted.before, None) and shape.last in (wanted.last, None)


def _only(router: APIRouter, routes: list[BaseRoute]) -> APIRouter:
    """The same router with some of its routes."""
    near = copy.copy(router)
    near.routes = routes
    return near
