"""The microservice chassis: consumer, inbox, outbox, relay, HTTP, jobs. A service registers handlers and routes.

Service code never commits, acknowledges, makes ids or reads clocks.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lutong_chassis.commands import Answer, Asked
    from lutong_chassis.database import Tx, columns
    from lutong_chassis.envelope import Cause, Outgoing, Received
    from lutong_chassis.handlers import Handlers
    from lutong_chassis.http import (
        Ask,
        Command,
        Problem,
        Read,
        TxDependency,
        Who,
        allowed,
        audited,
        not_audited,
        not_found,
        routes,
    )
    from lutong_chassis.jobs import Answered, JobQueue
    from lutong_chassis.reading import Reads
    from lutong_chassis.service import Service

_ROOMS = {
    "commands": ("Answer", "Asked"),
    "database": ("Tx", "columns"),
    "envelope": ("Cause", "Outgoing", "Received"),
    "jobs": ("Answered", "JobQueue"),
    "handlers": ("Handlers",),
    "http": (
        "Ask",
        "Command",
        "Problem",
        "Read",
        "TxDependency",
        "Who",
        "allowed",
        "audited",
        "not_audited",
        "not_found",
        "routes",
    ),
    "reading": ("Reads",),
    "service": ("Service",),
}
"""Where each name is. A module is imported when a name of it is used: the command line needs no web server to find Kafka."""

__all__ = [
    "Answer",
    "Answered",
    "Ask",
    "Asked",
    "Cause",
    "Command",
    "Handlers",
    "JobQueue",
    "Outgoing",
    "Problem",
    "Read",
    "Reads",
    "Received",
    "Service",
    "Tx",
    "TxDependency",
    "Who",
    "allowed",
    "audited",
    "columns",
    "not_audited",
    "not_found",
    "routes",
]


if not TYPE_CHECKING:  # type checkers read the imports above: with `__getattr__` every name would exist

    def __getattr__(name: str) -> object:
        for room, names in _ROOMS.items():
            if name in names:
                return getattr(import_module(f"lutong_chassis.{room}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
