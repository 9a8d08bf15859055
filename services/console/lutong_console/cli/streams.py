"""Standard output as a tool has it: a reader that stops is no problem, and every character has a form that fits."""

import io
import os
import select
import sys

OUT, ERR = "stdout", "stderr"
_replaced: list[io.TextIOWrapper] = []  # a stream that nobody keeps closes what it writes to


class Stream(io.TextIOWrapper):
    """Ends the command quietly, with exit code 0, when the reader has gone: `| head -1` is a way to use it."""

    def write(self, text: str, /) -> int:
        """Write, unless the reader has gone."""
        try:
            return super().write(text)
        except BrokenPipeError:
            return self._gone()

    def flush(self) -> None:
        """Hand over what was written, unless the reader has gone; raises OSError once where it cannot be, as on a full disk."""
        try:
            super().flush()
        except BrokenPipeError:
            self._gone()
        except OSError:
            self._drop()
            raise

    def _gone(self) -> int:
        self._drop()
        raise SystemExit(0)

    def _drop(self) -> None:
        """Let what is left in buffers go nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def install() -> None:
    """Put such streams in the place of stdout and stderr. What a charset does not have is written as an escape."""
    for name in (OUT, ERR):
        given = getattr(sys, name)
        if isinstance(given, io.TextIOWrapper) and not isinstance(given, Stream):
            stream = Stream(given.buffer, given.encoding, "backslashreplace", line_buffering=given.line_buffering)
            setattr(sys, name, stream)
            _replaced.append(given)


def end_when_nobody_reads() -> None:
    """End quietly when the reader of stdout has gone: a command that waits for more would not notice otherwise."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    if any(event & select.POLLERR for _, event in poll.poll(0)):
        raise SystemExit(0)


def is_terminal() -> bool:
    """Whether a person reads stdout. FORCE_COLOR asks for colours; it makes no terminal of a pipe."""
    return sys.stdout.isatty()
