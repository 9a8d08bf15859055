"""Commands and queries over HTTP: authorised, one transaction each, answered once per Idempotency-Key."""

from lutong_chassis.http.asking import Ask
from lutong_chassis.http.authorization import Authorizer, GuardedRoute, Who, allowed, audited, not_audited
from lutong_chassis.http.limits import BodyLimit, HeadAsGet, RequestIds
from lutong_chassis.http.load_shedding import LoadSheddingProtocol
from lutong_chassis.http.problems import install_problems
from lutong_chassis.http.routing import Command, Read, TxDependency, routes
from lutong_chassis.problem import Problem, not_found

__all__ = [
    "Ask",
    "Authorizer",
    "BodyLimit",
    "Command",
    "GuardedRoute",
    "HeadAsGet",
    "LoadSheddingProtocol",
    "Problem",
    "Read",
    "RequestIds",
    "TxDependency",
    "Who",
    "allowed",
    "audited",
    "install_problems",
    "not_audited",
    "not_found",
    "routes",
]
