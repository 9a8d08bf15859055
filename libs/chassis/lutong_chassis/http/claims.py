"""What a command brings beside its body: an Idempotency-Key in its scope, and the journey that it continues."""

import hashlib
import re
from typing import Final

from fastapi import Request

from lutong_chassis import observe
from lutong_chassis.commands import Claim
from lutong_chassis.database import new_cause
from lutong_chassis.envelope import TRACEPARENT, Cause
from lutong_chassis.problem import Problem
from lutong_contracts.values import IDENTIFIER_PATTERN

KEY_MAX: Final = 128


def claim_of(request: Request, body: bytes) -> Claim:
    """The key of a request, its scope and a hash of what is asked; a 400 problem when it is no key."""
    keys = request.headers.getlist("idempotency-key")
    if len(keys) > 1:
        raise Problem(400, "bad_idempotency_key", "Idempotency-Key may be sent once, and it is there several times")
    key = keys[0] if keys else None
    if key is not None and not 0 < len(key) <= KEY_MAX:
        raise Problem(400, "bad_idempotency_key", f"Idempotency-Key must have 1 to {KEY_MAX} characters")
    scope = f"{request.state.principal.identity} {request.method} {request.scope['path']}"
    if key is None:
        return Claim(scope, None, "")
    parts = [scope.encode(), request.scope["query_string"], body]
    return Claim(scope, key, hashlib.sha256(b"\n".join(parts)).hexdigest())


def cause_of(request: Request) -> Cause:
    """A command starts a journey, unless the caller names the one it continues."""
    journey = request.headers.get("lutong-journey", "")
    traceparent = request.headers.get("traceparent", "")
    started = new_cause()
    return Cause(
        journey if re.match(IDENTIFIER_PATTERN, journey) else started.correlation_id,
        None,
        observe.current_traceparent() or (traceparent if TRACEPARENT.match(traceparent) else None),
    )


def names_journey(request: Request, cause: Cause) -> bool:
    """Whether the journey of a command is one that its caller chose."""
    return cause.correlation_id == request.headers.get("lutong-journey")
