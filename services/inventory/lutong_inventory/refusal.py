"""A refusal as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Refusal:
    """A decision not to: a stable word, a sentence with what to do instead, and facts for programs."""

    kind: str
    detail: str
    facts: Mapping[str, object] = field(default_factory=dict)
