"""The file of rows that were not taken, beside theirs: with why, ready to be mended and imported."""

import csv
import io
from types import TracebackType
from typing import BinaryIO, Self

import orjson

from lutong_console.imports.reading import ABOUT, Read, Reader
from lutong_console.imports.rows import Refusal


class Rejects:
    """Writes rejected rows as they come; there is no file until there is one."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.path = reader.path.with_name(f"{reader.path.stem}.rejected{reader.path.suffix}")
        self.count = 0
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        """Nothing is written yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file, if there is one."""
        if self._file:
            self._file.close()

    def add(self, read: Read, refusal: Refusal) -> None:
        """Write a row with why it was not taken."""
        if self._file is None:
            self._file = self.path.open("wb")
            if self.reader.header:
                mark = b"\xef\xbb\xbf" if self.reader.has_bom else b""
                self._file.write(mark + self._csv([*self._columns(), *ABOUT]))
        about = [str(read.line), refusal.column, refusal.reason]
        if self.reader.header:
            named = dict(zip(self.reader.header, read.raw, strict=False))
            self._file.write(self._csv([*(named.get(name, "") for name in self._columns()), *about]))
        else:
            raw = read.raw if isinstance(read.raw, dict) else {}
            self._file.write(orjson.dumps(raw | dict(zip(ABOUT, about, strict=True))) + b"\n")
        self.count += 1

    def _columns(self) -> list[str]:
        return [name for name in self.reader.header if name not in ABOUT]

    def _csv(self, cells: list[str]) -> bytes:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(cells)
        return text.getvalue().encode(self.reader.encoding)
