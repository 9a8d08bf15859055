"""Merge-joins: sorted streams of rows side by side, key by key, with no more of them in memory than one key has. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Stream:
    """Rows in the order of a key, read no further than they are asked for."""

    def __init__(self, name: str, rows: Iterable[Row], columns: tuple[str, ...]) -> None:
        self.name = name
        self._rows = iter(rows)
        self._key_of = itemgetter(*columns)
        self.key: Any = None
        self._head: Row | None = None
        self._advance()

    @property
    def ended(self) -> bool:
        """Whether all rows were given."""
        return self._head is None

    def rows_of(self, key: Any) -> Iterator[Row]:  # noqa: ANN401  # a column, or a tuple of them
        """The rows of a key that were not given yet."""
        while self._head is not None and self.key == key:
            row = self._head
            self._advance()
            yield row

    def _advance(self) -> None:
        before, self._head = self.key, next(self._rows, None)
        if self._head is not None:
            self.key = self._key_of(self._head)
            if before is not None and self.key < before:
                raise ValueError(f"{self.name} is not in the order of its key: {self.key!r} comes after {before!r}")


class Group:
    """What the streams have of one key."""

    def __init__(self, key: Any, streams: Mapping[str, Stream]) -> None:  # noqa: ANN401  # a column, or a tuple of them
        self._key = key
        self._streams = streams
        self._read: dict[str, list[Row]] = {}

    def each(self, name: str) -> Iterator[Row]:
        """The rows of a stream, one at a time and once: for those that may be many."""
        return self._streams[name].rows_of(self._key)

    def all(self, name: str) -> list[Row]:
        """The rows of a stream."""
        if name not in self._read:
            self._read[name] = list(self.each(name))
        return self._read[name]

    def one(self, name: str) -> Row | None:
        """The last row of a stream: there is one of a key, or none."""
        return rows[-1] if (rows := self.all(name)) else None

    def finish(self) -> None:
        """Pass over what was not asked for."""
        for stream in self._streams.values():
            for _ in stream.rows_of(self._key):
                pass


class Matched(NamedTuple):
    """A key, and what the streams have of it."""

    key: Any
    """A column, or a tuple of them."""
    of: Group


def by_key(columns: tuple[str, ...], **rows: Iterable[Row]) -> Iterator[Matched]:
    """Each key that any stream has, in order, with what each has of it; a key of one column is that column.

    Raises ValueError when a stream is not in the order of its key: its query lacks an ORDER BY.

    >>> shelves = [{"sku": "tea", "units": 3}]
    >>> [(sku, of.one("shelf"), of.one("order")) for sku, of in by_key(("sku",), shelf=shelves, order=[])]
    [('tea', {'sku': 'tea', 'units': 3}, None)]
    """
    streams = {name: Stream(name, each, columns) for name, each in rows.items()}
    while open_ones := [stream for stream in streams.values() if not stream.ended]:
        key = min(stream.key for stream in open_ones)
        group = Group(key, streams)
        yield Matched(key, group)
        group.finish()
