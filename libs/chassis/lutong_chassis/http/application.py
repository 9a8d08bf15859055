"""The ASGI application of a service: its routes, those of every service, and what stands before them."""

from collections.abc import Callable, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from lutong_chassis.http import operations, parked
from lutong_chassis.http.authorization import Authorizer
from lutong_chassis.http.described import document_body_limit
from lutong_chassis.http.dispatch import Dispatch
from lutong_chassis.http.limits import BodyLimit, HeadAsGet, RequestIds
from lutong_chassis.http.load_shedding import WATCHED
from lutong_chassis.http.problems import install_problems
from lutong_chassis.settings import Settings
from lutong_contracts.version import VERSION

if TYPE_CHECKING:
    from lutong_chassis.service import Service

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def application(service: "Service", settings: Settings, lifespan: Lifespan) -> FastAPI:
    """The application of a service; `lifespan` runs what is not HTTP. Requests find the service in `app.state`."""
    app = FastAPI(
        title=f"Lutong {service.name}",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry={  # our metrics and logs are elsewhere, and asking for providers costs each request
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "exclude": _is_watched,
        },
    )
    app.state.service = service
    app.state.settings = settings
    app.state.authorizer = Authorizer.of(settings)
    own = [service.routes, operations.entities_router] if service.entities else [service.routes]
    for router in (
        *own,
        operations.health,
        *parked.ROUTERS,
        operations.router,
        operations.admin_router,
    ):  # the busiest first
        app.router.routes += router.routes  # as they are: including them builds each anew, at the first request
    app.router.middleware_stack = Dispatch(app.router)
    app.add_middleware(BodyLimit, bytes_max=settings.body_bytes_max, timeout_s=settings.body_timeout_s)
    app.add_middleware(HeadAsGet)
    app.add_middleware(RequestIds)
    install_problems(app)
    document_body_limit(app, settings.body_bytes_max)
    return app


def _is_watched(scope: MutableMapping[str, Any]) -> bool:
    """Whether a request only looks whether the service is well: every few seconds one does, and belongs to no trace."""
    return scope.get("path") in WATCHED
