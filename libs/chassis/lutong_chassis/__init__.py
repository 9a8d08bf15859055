"""How events travel: a service says what it reacts to and answers; the rest is here.

Service code never commits, acknowledges, makes ids or reads clocks.
"""

from lutong_chassis.database import Tx, columns
from lutong_chassis.envelope import Cause, Outgoing, Received
from lutong_chassis.errands import Errand
from lutong_chassis.handlers import Handlers
from lutong_chassis.http import Command, Problem, TxDependency, Who, allowed, not_found, routes
from lutong_chassis.service import Service

__all__ = [
    "Cause",
    "Command",
    "Errand",
    "Handlers",
    "Outgoing",
    "Problem",
    "Received",
    "Service",
    "Tx",
    "TxDependency",
    "Who",
    "allowed",
    "columns",
    "not_found",
    "routes",
]
