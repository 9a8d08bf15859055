"""What a command handler takes and returns: commands with their callers, and answers with the events to publish."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

import orjson
from pydantic import BaseModel
from pydantic_core import to_json
from uuid_utils import uuid7

from lutong_chassis.audit import Change
from lutong_chassis.auth import Principal
from lutong_chassis.envelope import Cause, Outgoing
from lutong_chassis.problem import PROBLEM_JSON, Problem
from lutong_chassis.request import Requested
from lutong_contracts import Event

JSON: Final = "application/json"

C_co = TypeVar("C_co", covariant=True)


class Claim(NamedTuple):
    """An Idempotency-Key in its scope (who, method, path), and a hash of what was asked. `key` is None without one."""

    scope: str
    key: str | None
    fingerprint: str


class Asked(NamedTuple, Generic[C_co]):
    """A command with its caller and the facts of its request. `names_journey`: the caller chose the journey."""

    command: C_co
    who: Principal
    cause: Cause
    claim: Claim
    requested: Requested | None = None
    status: int = 200
    size_bytes: int = 0
    names_journey: bool = False

    def new_id(self) -> str:
        """A fresh identifier (UUIDv7)."""
        return str(uuid7())

    def causes(self, event: Event, cause: Cause | None = None) -> Outgoing:
        """An outgoing event, on the journey of the request or on that of another cause, and in the trace of the request."""
        return Outgoing(event, (cause or self.cause).in_trace_of(self.cause))

    @property
    def must_audit(self) -> bool:
        """Whether the changes of this command must be audited."""
        return self.requested is not None and self.requested.must_audit


class Answer(NamedTuple):
    """The answer to a command, the events to publish, and the changes to audit.

    `changed` is False when there was nothing to do: then nothing need be audited. With `refusal`, that is what is sent:
    a refusal that has an effect (a wrong code was counted), and is kept under its key like any answer.
    """

    body: BaseModel | Mapping[str, Any] | None
    events: Sequence[Outgoing] = ()
    record: Sequence[Change] = ()
    changed: bool = True
    refusal: Problem | None = None

    @property
    def octets(self) -> bytes:
        """The body as JSON, or no bytes."""
        if self.refusal is not None:
            return orjson.dumps(self.refusal.document(), default=str)
        if self.body is None:
            return b""
        return self.body.model_dump_json().encode() if isinstance(self.body, BaseModel) else to_json(self.body)

    def given(self, status: int, journey: str) -> "Given":
        """The answer as it is stored and sent; `status` is that of its route."""
        if self.refusal is not None:
            return Given(self.refusal.status, PROBLEM_JSON, self.octets, journey)
        return Given(status, JSON, self.octets, journey)


class Given(NamedTuple):
    """An answer as it is stored under its key and sent. `replayed`: it was given before."""

    status: int
    media_type: str
    body: bytes
    journey: str | None
    replayed: bool = False


Outcome: TypeAlias = Given | Problem | Exception
"""The outcome of one command: an answer, a refusal, or the error that prevented a decision."""
