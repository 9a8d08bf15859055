"""Cutting rows into batches so that an edited file is, but for a few batches, the same batches again.

A batch ends behind a row chosen by its content, not after a number of rows: a row that is added or mended moves no other
into another batch, and what was taken before is recognised.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from lutong_console.imports.reading import Read
from lutong_console.imports.rows import Kind, Refusal, Row

_BYTES_MAX: Final = 200_000
"""What services take is a little more."""


@dataclass(slots=True)
class Batch:
    """Rows for one request, with where they were."""

    rows: list[Row] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    bytes: int = 0

    def add(self, read: Read, row: Row, key: str, size: int) -> None:
        """Take one more row."""
        self.rows.append(row)
        self.reads.append(read)
        self.keys.add(key)
        self.bytes += size


def batches(reads: Iterable[Read], kind: Kind[Any]) -> Iterator[Batch | Read]:
    """Batches of rows that are right; rows that are not come by themselves, when they are found."""
    batch, ends_every = Batch(), max(1, kind.rows_max // 3)
    for read in reads:
        if isinstance(read.row, Refusal):
            yield read
            continue
        content = read.row.model_dump_json(exclude_none=True).encode()
        if batch.rows and batch.bytes + len(content) > _BYTES_MAX:
            yield batch
            batch = Batch()
        batch.add(read, read.row, kind.key_of(read.row), len(content))
        if len(batch.rows) == kind.rows_max or zlib.crc32(content) % ends_every == 0:
            yield batch
            batch = Batch()
    if batch.rows:
        yield batch
