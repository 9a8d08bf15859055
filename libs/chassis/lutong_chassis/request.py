"""The HTTP request that this task answers: its id, the reason that came with it, and whether it must be on record.

A context variable carries it from the middleware to the transaction: each request is a task of its own, and
nothing between the two needs to know of it. `database.transaction` reads it.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple

from uuid_utils import uuid7

from lutong_contracts import Event
from lutong_contracts.values import IDENTIFIER_PATTERN


class Requested(NamedTuple):
    """A request in progress. `actions` are what its route may record; `exports` is the event that is published for each."""

    request_id: str
    reason: str | None = None
    actions: frozenset[str] = frozenset()
    must_audit: bool = False
    exports: type[Event] | None = None


AsgiHeaders = Iterable[tuple[bytes, bytes]]
"""Names in lower case and values, as ASGI has them."""

_current: Final[ContextVar[Requested | None]] = ContextVar("lutong_request", default=None)


def current() -> Requested | None:
    """The request that this task answers; None outside of one."""
    return _current.get()


@contextmanager
def serving(requested: Requested) -> Iterator[None]:
    """Answer a request within this block."""
    token = _current.set(requested)
    try:
        yield
    finally:
        _current.reset(token)


def request_id_of(headers: AsgiHeaders = ()) -> str:
    """The id that a caller gave in the headers, when it is well formed; a new one otherwise."""
    given = next((value.decode("latin-1") for name, value in headers if name == b"lutong-request-id"), "")
    return given if re.fullmatch(IDENTIFIER_PATTERN, given) else str(uuid7())
