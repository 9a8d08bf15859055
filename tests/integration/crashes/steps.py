"""What a scenario is made of: commands, events, and what happens meanwhile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lutong_contracts import Event
from tests.integration.crashes.crashing_process import Command


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What happens elsewhere, as SQL: time that passes, an answer from outside. It is not killed."""

    sql: str


Step = Command | Event | Meanwhile | Callable[[Mapping[str, Any]], Command | Event]
"""What happens; a function when it depends on what was answered before."""
