"""What a command handler takes and gives: commands with who asked, and answers with what is said."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import orjson
from pydantic import BaseModel
from uuid_utils import uuid7

from lutong_chassis.audit import Change
from lutong_chassis.auth import Principal
from lutong_chassis.envelope import Cause, Outgoing
from lutong_chassis.problem import Problem
from lutong_chassis.request import Requested
from lutong_contracts import Event

C_co = TypeVar("C_co", covariant=True)


class Claim(NamedTuple):
    """An Idempotency-Key in its scope (who, method, path), and a hash of what was asked. `key` is None without one."""

    scope: str
    key: str | None
    fingerprint: str


class Asked(NamedTuple, Generic[C_co]):
    """A command that somebody asked for, and what is known of the request. `names_journey`: the caller chose the journey."""

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
        """Say `event`, on the journey of the request or on that of another cause."""
        return Outgoing(event, cause or self.cause)

    @property
    def must_audit(self) -> bool:
        """Whether what this command changes must be on record."""
        return self.requested is not None and self.requested.must_audit


class Answer(NamedTuple):
    """What a command is answered, what is said because of it, and what is put on record.

    `changed` is False when there was nothing to do: then nothing need be on record.
    """

    body: BaseModel | Mapping[str, Any] | None
    events: Sequence[Outgoing] = ()
    record: Sequence[Change] = ()
    changed: bool = True

    @property
    def octets(self) -> bytes:
        """The body as it travels: JSON, or nothing."""
        if self.body is None:
            return b""
        return self.body.model_dump_json().encode() if isinstance(self.body, BaseModel) else orjson.dumps(self.body)


class Given(NamedTuple):
    """An answer as it is kept under its key and sent. `replayed`: it was given before."""

    status: int
    media_type: str
    body: bytes
    journey: str | None
    replayed: bool = False


Outcome: TypeAlias = Given | Problem | Exception
"""What became of one command: an answer, a refusal, or an error that says why it could not be decided."""
