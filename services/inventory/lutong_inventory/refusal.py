"""A refusal as a value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """A decision not to: a stable word and a sentence with what to do instead."""

    kind: str
    detail: str
