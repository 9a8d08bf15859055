"""Trouble that lasts is one line per state and minute: what led to it must not be pushed out of a log by its repetition.

The first line of a state is written at once. Further ones are counted, and the next that is written has how many they were.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

import structlog
from structlog.typing import EventDict

INTERVAL_S: Final = 60.0
_STATES_MAX: Final = 500
_TROUBLE: Final = frozenset(
    {
        "waiting", "loop_failed", "batch_delayed", "batch_refused", "job_queue_delayed", "offsets_not_committed",
        "records_not_readable", "consumer_stalled",
    }
)  # fmt: skip
"""Lines that come again and again while something is away. All others are about something that happened once."""
_STATE: Final = ("event", "level", "what", "loop", "queue", "error_class", "topic")
"""What makes the state of such a line; its numbers, and where it was, do not."""


@dataclass(slots=True)
class Repeats:
    """When each state was written last, and how often it came since; the states that were quiet for longest are forgotten."""

    now_s: Callable[[], float] = monotonic
    _seen: "OrderedDict[Hashable, tuple[float, int]]" = field(default_factory=OrderedDict)

    def left_out(self, state: Hashable) -> int | None:
        """How many lines of a state were left out before this one; None when this one is left out as well."""
        now = self.now_s()
        written_s, count = self._seen.get(state, (now - INTERVAL_S, 0))
        if now - written_s < INTERVAL_S:
            self._seen[state] = written_s, count + 1
            return None
        self._seen[state] = now, 0
        self._seen.move_to_end(state)
        while len(self._seen) > _STATES_MAX:
            self._seen.popitem(last=False)
        return count


@dataclass(slots=True)
class OncePerMinute:
    """The same for our own lines: a processor of structlog."""

    repeats: Repeats = field(default_factory=Repeats)

    def __call__(self, _logger: object, _method: str, event: EventDict) -> EventDict:
        """Structlog's hook: drops a line, or adds how many were dropped."""
        if event.get("event") not in _TROUBLE:
            return event
        error = str(event.get("error", "")).partition(" ")[0]  # its class, which is named first
        count = self.repeats.left_out((*(str(event.get(name)) for name in _STATE), error))
        if count is None:
            raise structlog.DropEvent
        if count:
            event["left_out"] = count
        return event


class OncePerMinuteFilter(logging.Filter):
    """The same for lines of libraries: a state is a logger and the sentence, without what is filled in."""

    def __init__(self, repeats: Repeats | None = None) -> None:
        super().__init__()
        self.repeats = repeats or Repeats()

    def filter(self, record: logging.LogRecord) -> Any:  # noqa: ANN401  # logging's signature
        """Logging's hook: whether a line is written."""
        count = self.repeats.left_out((record.name, record.levelno, str(record.msg)[:200]))
        if count:
            record.msg, record.args = f"{record.getMessage()} (left out before: {count})", ()
        return count is not None
