"""Which services handle which event types, as generated from their code: the image of the command line has none of it."""

from pathlib import Path
from typing import Final

import orjson

from lutong_contracts import event_class

HANDLED: Final = Path(__file__).with_name("handled.json")
"""Written by `make generate`: a list of event types for each service."""


def handled_types() -> dict[str, set[str]]:
    """By service, the types of the events that it handles."""
    return {service: set(types) for service, types in orjson.loads(HANDLED.read_bytes()).items()}


def consumed_topics() -> dict[str, set[str]]:
    """By service, the topics of the events that it handles."""
    return {service: {event_class(each).topic.name for each in types} for service, types in handled_types().items()}
