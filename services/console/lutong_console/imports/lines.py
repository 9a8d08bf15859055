"""Lines of a file with their numbers, in bounded memory whatever the file is."""

from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

ROW_BYTES_MAX: Final = 1 << 20
"""A longer row is refused, and never held."""

_REST_BYTES: Final = 1 << 16


class Line(NamedTuple):
    """A line as it is in the file. Of one that is too long there is only the number."""

    number: int
    content: bytes | None


class Lines:
    """Walks the lines of a file once; lines that were read may be put back, to be read again."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.number = 0
        self.back: deque[Line] = deque()

    def __iter__(self) -> Iterator[Line]:
        """Each line in turn."""
        while (line := self.next()) is not None:
            yield line

    def next(self) -> Line | None:
        """The next line, or None at the end."""
        if self.back:
            return self.back.popleft()
        content = self.file.readline(ROW_BYTES_MAX + 1)
        if not content:
            return None
        self.number += 1
        if len(content) <= ROW_BYTES_MAX:
            return Line(self.number, content)
        while not content.endswith(b"\n") and (content := self.file.readline(_REST_BYTES)):
            pass
        return Line(self.number, None)

    def put_back(self, lines: list[Line]) -> None:
        """Let these be read again, before all others."""
        self.back.extendleft(reversed(lines))
