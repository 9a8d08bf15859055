"""Requests find their routes by the shape of their paths: the same route as by trying one after the other."""

import re
from typing import Any, Final

import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute, Match

from lutong_chassis.http.dispatch import Dispatch
from lutong_chassis.testing import app_of
from tools.docgen.suite import RUNNING

ODD: Final = [
    "/",
    "//",
    "/v1",
    "/v1/",
    "/v1/nothing",
    "/v1/posts/",
    "/v1/posts/a/b/c/d/e/f",
    "/operations",
    "/metrics/x",
]


def scope_of(method: str, path: str) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "root_path": "", "headers": [], "query_string": b""}


def one_by_one(app: FastAPI, scope: dict[str, Any]) -> BaseRoute | None:
    return next((route for route in app.router.routes if route.matches(scope)[0] is Match.FULL), None)


def paths_of(app: FastAPI) -> list[str]:
    templates = {getattr(route, "path", "/") for route in app.router.routes}
    found = {re.sub(r"{[^}]*}", value, path) for path in templates for value in ("x-1", "batch", "%41")}
    return [*sorted(found), *ODD]


@pytest.mark.parametrize("name", RUNNING)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_each_path_finds_the_route_that_a_walk_finds(name: str, method: str) -> None:
    app = app_of(RUNNING[name])
    dispatch = Dispatch(app.router)
    for path in paths_of(app):
        scope = scope_of(method, path)
        near = dispatch.near(scope)
        found = one_by_one(app, scope)
        assert (found is None) is (near is None), path
        if near is not None:
            assert next(r for r in near.routes if r.matches(scope)[0] is Match.FULL) is found, path


@pytest.mark.parametrize("name", RUNNING)
def test_few_routes_are_tried(name: str) -> None:
    dispatch = Dispatch(app_of(RUNNING[name]).router)
    assert max(len(router.routes) for router in dispatch.by_shape.values()) <= 4, "as many as a path has methods"
