"""What a command reports when it cannot do its work, and with which exit code."""

from typing import Final

PROBLEM: Final = 1
"""Something was found that should not be."""
USAGE: Final = 2
"""The command was called in a way that makes no sense."""
UNREACHABLE: Final = 3
"""What the command needs does not answer."""
INTERRUPTED: Final = 130
"""Ctrl-C, or SIGTERM."""


class ConsoleError(Exception):
    """An expected failure: what is wrong, and the next command to run. `status` and `detail` are those of a service that refused."""

    def __init__(self, message: str, *, then: str = "", code: int = PROBLEM, status: int = 0, detail: str = "") -> None:
        super().__init__(message)
        self.then = then
        self.code = code
        self.status = status
        self.detail = detail or message
