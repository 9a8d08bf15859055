"""Printing lines where there may be no room for them: a full disk, a pipe that nobody reads any more.

A line that is lost is a pity. A line that raises ends whatever had something to report: a loop that logs why it failed, a batch
that logs that it is done. So none does.
"""

import sys
from dataclasses import dataclass
from typing import Protocol, TextIO, cast

import structlog
from prometheus_client import Counter

LINES_LOST = Counter("lutong_log_lines_lost_total", "Lines of the log that could not be written")


class _Writes(Protocol):
    def write(self, text: str, /) -> int: ...

    def flush(self) -> None: ...


@dataclass(eq=False, slots=True, weakref_slot=True)
class Printed:
    """A stream whose lines are written, or counted as lost: `print(line, file=Printed(sys.stdout))` does not raise OSError."""

    stream: _Writes

    def write(self, text: str) -> int:
        """Write, as far as there is room."""
        try:
            return self.stream.write(text)
        except (OSError, ValueError):  # no room; or the stream was closed
            LINES_LOST.inc()
        return len(text)

    def flush(self) -> None:
        """Have it written now."""
        try:
            self.stream.flush()
        except (OSError, ValueError):
            LINES_LOST.inc()


def printed(stream: TextIO) -> TextIO:
    """The same for what wants a whole text stream of which it only writes."""
    return cast("TextIO", Printed(stream))


def log_to_stderr() -> None:
    """Have a process that sets up no log, such as a tool, log to stderr: its stdout is what it was asked for."""
    if not structlog.is_configured():
        structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(printed(sys.stderr)))
