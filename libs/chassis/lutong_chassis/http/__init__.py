"""Commands and queries over HTTP: who may ask, a transaction each, answered once per Idempotency-Key."""

from lutong_chassis.http.access import Gate, GuardedRoute, Who, allowed
from lutong_chassis.http.head import BoundedHead
from lutong_chassis.http.limits import Admission, BodyLimit, SafeHeaders
from lutong_chassis.http.problems import Problem, install_problems, not_found
from lutong_chassis.http.routing import Command, TxDependency, routes

__all__ = [
    "Admission",
    "BodyLimit",
    "BoundedHead",
    "Command",
    "Gate",
    "GuardedRoute",
    "Problem",
    "SafeHeaders",
    "TxDependency",
    "Who",
    "allowed",
    "install_problems",
    "not_found",
    "routes",
]
