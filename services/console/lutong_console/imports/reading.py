"""Reading a file into rows: each is taken or has a reason, and no row of a file stops the others.

Bytes are decoded row by row, so that one that is no text spoils one row. UTF-8 and GB18030 never have a line end, a comma
or a quote within a character, so rows can be separated before they are decoded.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import orjson

from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.imports.catalogue import Source
from lutong_console.imports.lines import ROW_BYTES_MAX, Line, Lines
from lutong_console.imports.rows import Kind, Refusal, Row, checked
from lutong_contracts.sentences import not_json

ENCODINGS: Final = ("utf-8", "gb18030")
ABOUT: Final = ("rejected_line", "rejected_column", "rejected_reason")
"""Columns of a file of rejected rows, with the reasons. They are passed over when it is imported."""

_BOM: Final = b"\xef\xbb\xbf"
_OTHER_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_TOO_LONG: Final = f"the row is longer than {ROW_BYTES_MAX // 1024} KiB"
Raw = list[str] | dict[str, Any]
"""A row as it was written: cells, or the fields of an object."""


class Read(NamedTuple):
    """A row of a file: where it begins, as it was written, and what it is."""

    line: int
    raw: Raw
    row: Row | Refusal


class Reader:
    """Reads one file. `header` has the columns of a CSV file once it is open."""

    def __init__(self, source: Source, file: BinaryIO, encoding: str) -> None:
        self.path: Path = source.path
        self.kind: Kind[Any] = source.kind
        self.encoding = encoding
        self.file = file
        self.lines = Lines(file)
        self.has_bom = _check_it_is_text(source.path, file, encoding)
        self.header = self._read_header() if source.is_csv else []

    def __iter__(self) -> Iterator[Read]:
        """Each row in turn."""
        return self._records() if self.header else self._objects()

    # CSV

    def _read_header(self) -> list[str]:
        first = self.lines.next()
        content = (first and first.content) or b""
        if content.rstrip(b"\r\n").count(b"\r"):
            raise self._refused("its lines end with CR alone", "save it with LF or CRLF")
        cells = self._cells(content)
        if isinstance(cells, Refusal):
            raise self._refused(f"its first line is no header: {cells.reason}")
        header = [cell.strip() for cell in cells]
        fields = self.kind.row.model_fields
        for separator in (";", "\t"):
            if len(header) == 1 and separator in header[0]:
                raise self._refused(f"its columns are separated by {separator!r}", "save it with commas")
        missing = [name for name, field in fields.items() if field.is_required() and name not in header]
        unknown = [name for name in header if name not in fields and name not in ABOUT]
        repeated = [name for name, times in Counter(header).items() if times > 1]
        for what, names in (("lacks", missing), ("has unknown", unknown), ("repeats", repeated)):
            if names:
                shown = ", ".join(repr(name[:64]) for name in names[:5])
                raise self._refused(f"its header {what} {'column' if len(names) == 1 else 'columns'} {shown}")
        return header

    def _refused(self, why: str, remedy: str = "") -> ConsoleError:
        columns = ", ".join(self.kind.row.model_fields)
        return ConsoleError(f"{self.path}: {why}; {remedy or f'columns of {self.kind.name} are {columns}'}", code=USAGE)

    def _records(self) -> Iterator[Read]:
        """Rows of a CSV file. A row goes on over lines while a quote is open; if that makes no row, its first line is bad."""
        for first in self.lines:
            if first.content is None:
                yield Read(first.number, [], Refusal("", _TOO_LONG))
            elif first.content.strip(b" \t\r\n,"):
                yield self._record(first, first.content)

    def _record(self, first: Line, content: bytes) -> Read:
        further, whole = self._until_quotes_close(content)
        if further or whole is None:
            cells = Refusal("", "a quote is opened and not closed") if whole is None else self._cells(whole)
            if isinstance(cells, Refusal):
                self.lines.put_back(further)
                return Read(
                    first.number, [], Refusal("", f"a quote is opened and not closed in its row: {cells.reason}")
                )
            return self._row(first.number, cells)
        cells = self._cells(content)
        return Read(first.number, [], cells) if isinstance(cells, Refusal) else self._row(first.number, cells)

    def _until_quotes_close(self, content: bytes) -> tuple[list[Line], bytes | None]:
        """The lines that the row goes on over, and all of it; None when its quote never closes."""
        further: list[Line] = []
        parts, size, quotes = [content], len(content), content.count(b'"')
        while quotes % 2:
            line = self.lines.next()
            if line is not None:
                further.append(line)
            if line is None or line.content is None or size + len(line.content) > ROW_BYTES_MAX:
                return further, None
            parts.append(line.content)
            size, quotes = size + len(line.content), quotes + line.content.count(b'"')
        return further, b"".join(parts)

    def _cells(self, content: bytes) -> list[str] | Refusal:
        try:
            text = content.decode(self.encoding).rstrip("\r\n")
        except UnicodeDecodeError as error:
            return self._undecodable(content, error)
        try:
            cells = next(csv.reader([text], strict=True), [])
        except csv.Error as error:
            return Refusal("", f"it is not CSV: {error}")
        except StopIteration:
            return []
        header = getattr(self, "header", None)
        if header and len(cells) != len(header):
            return Refusal("", f"it has {len(cells)} cells, and the header has {len(header)} columns")
        return cells

    def _undecodable(self, content: bytes, error: UnicodeDecodeError) -> Refusal:
        """Which column has bytes that are no text, as far as commas show."""
        before = content[: error.start].count(b",")
        header = getattr(self, "header", [])
        column = header[before] if b'"' not in content and before < len(header) else ""
        other = next(name for name in ENCODINGS if name != self.encoding)
        why = f"byte {error.start} of the row is no {self.encoding}: if the whole file is like this, --encoding {other}"
        return Refusal(column, why)

    def _row(self, line: int, cells: Sequence[str]) -> Read:
        named = {name: cell for name, cell in zip(self.header, cells, strict=True) if cell and name not in ABOUT}
        return Read(line, list(cells), checked(self.kind, named))

    # NDJSON

    def _objects(self) -> Iterator[Read]:
        for line in self.lines:
            if line.content is None:
                yield Read(line.number, {}, Refusal("", _TOO_LONG))
            elif line.content.strip():
                yield self._object(line.number, line.content)

    def _object(self, line: int, content: bytes) -> Read:
        try:
            text = content if self.encoding == "utf-8" else content.decode(self.encoding).encode()
            found = orjson.loads(text)
        except UnicodeDecodeError as error:
            return Read(line, {}, self._undecodable(content, error))
        except orjson.JSONDecodeError:
            return Read(line, {}, Refusal("", not_json(text) or "it is not JSON"))
        if not isinstance(found, dict):
            return Read(line, {}, Refusal("", "it is not an object with columns as fields"))
        named = {name: value for name, value in found.items() if value is not None and name not in ABOUT}
        return Read(line, found, checked(self.kind, named))


def _check_it_is_text(path: Path, file: BinaryIO, encoding: str) -> bool:
    """Refuse what is no text, and go to where it begins; gives whether a byte order mark was there."""
    start = file.read(4096)
    if start.startswith(_OTHER_BOMS):
        raise ConsoleError(f"{path} is UTF-16: save it as UTF-8", code=USAGE)
    if b"\0" in start:
        raise ConsoleError(f"{path} is not text (byte {start.index(0)} is NUL): export it as CSV or NDJSON", code=USAGE)
    if not start.strip():
        raise ConsoleError(f"{path} is empty", code=USAGE)
    has_bom = start.startswith(_BOM)
    if has_bom and encoding != "utf-8":
        raise ConsoleError(f"{path} is UTF-8, by its first bytes: leave --encoding out", code=USAGE)
    file.seek(len(_BOM) if has_bom else 0)
    return has_bom
