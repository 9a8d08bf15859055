"""handled.json of the command line: which services handle which types. Its image contains no service to ask."""

from collections.abc import Mapping, Sequence

import orjson

from lutong_contracts import Event
from lutong_contracts.topics import SERVICES


def document(handled: Mapping[type[Event], Sequence[str]]) -> bytes:
    """The document that `lutong_console.subscriptions` reads."""
    found = {name: sorted(event.type for event, services in handled.items() if name in services) for name in SERVICES}
    return orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n"
