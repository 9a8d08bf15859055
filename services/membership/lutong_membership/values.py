"""What the rules of every subject give: events to publish, or the refusal of a command. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lutong_contracts import Event


@dataclass(frozen=True, slots=True)
class Emitted:
    """An event to publish; a deadline is published at `due_at`, anything else at once."""

    event: Event
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command is refused: `kind` is a stable code, `detail` a sentence with what to do instead.

    `facts` are what a client may want to read without parsing the sentence, such as `charge_minor`.
    """

    kind: str
    detail: str
    facts: Mapping[str, object] = field(default_factory=dict)
