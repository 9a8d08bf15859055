"""One consistent look, kept where its size does not matter: a temporary database of SQLite for each service, and one of topics.

SQLite keeps a database without a name in its cache and, once that is full, in a file that nobody else can open and that is
gone when it is closed. So a look takes some memory, however large the suite is; joins are merges of what SQLite sorted.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

from lutong_console.verify.joining import Matched, Row, by_key
from lutong_console.verify.tables import SERVICES, TABLES, is_moment

_CACHE_KB: Final = 16_384
"""Of each database; a sort uses as much before it goes to disk."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_RECORD: Final = (
    "topic", "partition", "offset", "key", "event_id", "source", "type", "sequence", "value", "digest", "occurred_at", "at",
)  # fmt: skip
KEPT: Final = frozenset({f"lutong.{service}.action-audited.v1" for service in SERVICES}) | {
    "lutong.feed.card-tapped.v1",
    "lutong.feed.interactions-reported.v1",
    "lutong.feed.service-requested.v1",
    "lutong.feed.service-solved.v1",
    "lutong.inventory.order-fulfilled.v1",
    "lutong.inventory.stock-band-changed.v1",
    "lutong.inventory.stock-depleted.v1",
    "lutong.inventory.stock-restored.v1",
    "lutong.membership.deduction-notified.v1",
    "lutong.registry.version-admitted.v1",
    "lutong.registry.version-approved.v1",
    "lutong.registry.version-forced-offline.v1",
    "lutong.registry.version-gray-stopped.v1",
    "lutong.registry.version-grayed.v1",
    "lutong.registry.version-hosted.v1",
    "lutong.registry.version-unhosted.v1",
    "lutong.registry.version-rejected.v1",
    "lutong.registry.version-released.v1",
    "lutong.registry.version-rolled-back.v1",
    "lutong.registry.version-submitted.v1",
    "lutong.registry.version-withdrawn.v1",
}
"""Types of which identities read the data. Of all others only a digest is kept, which is equal for equal data."""
_SEARCHED: Final = {"parked": ("error", "reason", "value"), "idempotency": ("body",)}
"""Where secrets must not be. These columns are searched while they are read, and not kept."""
_REVEALED: Final = {"parked": "a canary is in a parked record", "idempotency": "a canary is in a saved answer"}

sqlite3.register_converter("moment", lambda number: _EPOCH + int(number) * _MICROSECOND)


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka record, as far as identities look at it."""

    topic: str
    partition: int
    offset: int
    key: str
    event_id: str
    source: str
    type: str
    sequence: int
    value: str
    headers: str
    occurred_at: datetime | None = None
    """When it happened, by its source."""
    at: datetime | None = None
    """When it came to its topic."""


def place_of(record: Row) -> str:
    """Where a record is, for a witness."""
    return f"{record['topic']}/{record['partition']}@{record['offset']}"


@dataclass
class World:
    """What was found: `service.table` of each service as it names it, and `record`, all records of all topics.

    Beside these there are `membership.leg`, the postings with their entries, and `membership.booked`, the entries with
    their postings as JSON. Moments come back as they were; truth as 0 and 1.
    """

    reactions: Mapping[str, set[str]] = field(default_factory=dict)
    """Event types that each service handles."""
    canaries: Sequence[str] = ()
    """Texts that must be nowhere."""
    begins: dict[tuple[str, int], int] = field(default_factory=dict)
    """Where each partition begins; 0 where nothing was dropped yet."""
    ends: dict[tuple[str, int], int] = field(default_factory=dict)
    """Where each partition ended when it was read; without those that are empty."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When it was looked."""
    rows: int = 0
    records: int = 0
    _sum: int = 0

    def __post_init__(self) -> None:
        self._sqlite = sqlite3.connect(
            "", isolation_level=None, detect_types=sqlite3.PARSE_DECLTYPES, check_same_thread=False
        )  # one thread after the other may use it, never two at once
        self._sqlite.row_factory = sqlite3.Row
        self._set_up("main")
        self._create("main.record", _RECORD)
        self._create("main.revealed", ("what", "witness"))
        for service in SERVICES:
            self._sqlite.execute(f"ATTACH '' AS {service}")
            self._set_up(service)
            for table in TABLES[service]:
                self._create(f"{service}.{table}", _kept_columns(service, table))
        for statement in _VIEWS:
            self._sqlite.execute(statement)

    def _set_up(self, schema: str) -> None:
        """No journal: what is here is lost with the process, and may be."""
        for setting in (f"cache_size = -{_CACHE_KB}", "journal_mode = OFF", "synchronous = OFF"):
            self._sqlite.execute(f"PRAGMA {schema}.{setting}")

    def _create(self, table: str, columns: Iterable[str]) -> None:
        kinds = (f'"{column}" {"moment" if is_moment(column) else ""}' for column in columns)
        self._sqlite.execute(f"CREATE TABLE {table} ({', '.join(kinds)})")

    def add(self, service: str, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Keep rows of a table; their columns are those of `TABLES`, and one that is absent is null."""
        columns = _kept_columns(service, table)
        kept = []
        for row in rows:
            if self.canaries and table in _SEARCHED:
                self._search(_REVEALED[table], f"{service} {_called(table, row)}", [row[c] for c in _SEARCHED[table]])
            kept.append(tuple(_kept(row, column) for column in columns))
        self.insert(f"{service}.{table}", columns, kept)
        self._sum += sum(_still(service, table, columns, values) for values in kept)
        self.rows += len(kept)

    def add_records(self, records: Iterable[Record]) -> None:
        """Keep records of topics."""
        kept = []
        for record in records:
            if self.canaries:
                witness = f"event {record.event_id} at {record.topic}/{record.partition}@{record.offset}"
                self._search("a canary is on a topic", witness, [record.key, record.value, record.headers])
            kept.append(_columns_of(record))
        self.insert("main.record", _RECORD, kept)
        self._sum += sum(map(hash, kept))
        self.records += len(kept)

    def remember(self, table: str, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
        """Put something beside what was found, to join it with that; what `table` held before is gone."""
        self._sqlite.execute(f"DROP TABLE IF EXISTS main.{table}")
        self._create(f"main.{table}", columns)
        self.insert(f"main.{table}", columns, rows)

    def insert(self, table: str, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
        """Add rows to a table, as they are."""
        places = ", ".join("?" * len(columns))
        self._sqlite.execute("BEGIN")
        self._sqlite.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
        self._sqlite.execute("COMMIT")

    def _search(self, what: str, witness: str, texts: Iterable[str | bytes | None]) -> None:
        found = [canary for canary in self.canaries if any(_holds(text, canary) for text in texts)]
        if found:
            self.insert("main.revealed", ("what", "witness"), [(what, witness)] * len(found))

    def select(self, sql: str, *parameters: object) -> Iterator[Row]:
        """Rows of a query, read as they are asked for."""
        return self._sqlite.execute(sql, parameters)

    def by(self, key: str, **queries: str) -> Iterator[Matched]:
        """What each query has of each key, key after key: `key` names the columns by which all are ordered.

        >>> for order_id, of in World().by("order_id", hold="SELECT * FROM membership.hold ORDER BY order_id"):
        ...     of.one("hold")
        """
        return by_key(tuple(key.split(", ")), **{name: self.select(sql) for name, sql in queries.items()})

    @property
    def digest(self) -> str:
        """Equal for equal worlds that one process looked at: two looks that differ mean that something still moves."""
        return f"{self._sum:x}"

    @property
    def is_quiet(self) -> bool:
        """Nothing committed waits for the relay."""
        return not any(next(self.select(f"SELECT 1 FROM {service}.pending"), None) for service in SERVICES)

    def close(self) -> None:
        """Forget it."""
        self._sqlite.close()


_VIEWS: Final = (
    "CREATE INDEX feed.post_by_author ON post (author_id)",
    "CREATE INDEX feed.post_by_id ON post (post_id)",
    "CREATE INDEX feed.reader_by_id ON timeline_reader (reader_id)",
    "CREATE INDEX feed.timeline_by_post ON timeline_entry (reader_id, post_id)",
    "CREATE INDEX membership.entry_by_id ON entry (entry_id)",
    "CREATE INDEX membership.posting_by_id ON posting (entry_id)",
    """
    CREATE TEMP VIEW leg AS
    SELECT entry.*, posting.account, posting.amount_minor
      FROM membership.posting CROSS JOIN membership.entry ON entry.entry_id = posting.entry_id
    """,
    """
    CREATE TEMP VIEW booked AS
    SELECT entry.*, entry.rowid AS place,
           (SELECT json_group_object(account, amount_minor) FROM membership.posting WHERE entry_id = entry.entry_id) AS legs
      FROM membership.entry
    """,
)
"""CROSS JOIN: SQLite reads the left side from its beginning to its end, and looks each row up on the right side."""


def _kept_columns(service: str, table: str) -> tuple[str, ...]:
    columns = TABLES[service][table].columns
    digest = ("digest",) if table == "outbox" else ()
    return *(column for column in columns if column not in _SEARCHED.get(table, ())), *digest


def _kept(row: Mapping[str, Any], column: str) -> Any:  # noqa: ANN401  # whatever a column holds
    if column == "digest":
        return _digest(row["payload"])
    value = row.get(column)
    if column == "payload" and row.get("type") not in KEPT:
        return None
    return (value - _EPOCH) // _MICROSECOND if isinstance(value, datetime) else value


def _columns_of(record: Record) -> tuple[Any, ...]:
    value = record.value if record.type in KEPT else None
    moments = [at and (at - _EPOCH) // _MICROSECOND for at in (record.occurred_at, record.at)]
    return (
        record.topic, record.partition, record.offset, record.key, record.event_id, record.source, record.type,
        record.sequence, value, _digest(record.value), *moments,
    )  # fmt: skip


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _holds(text: str | bytes | None, canary: str) -> bool:
    if isinstance(text, bytes):
        return canary.encode() in text
    return canary in (text or "")


def _called(table: str, row: Mapping[str, Any]) -> str:
    return f"parked {row['id']}" if table == "parked" else f"key {row['key']}"


def _still(service: str, table: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> int:
    """What a row adds to the digest: all of it but the moment at which it was read."""
    if "read_at" in columns:
        values = tuple(value for name, value in zip(columns, values, strict=True) if name != "read_at")
    return hash((service, table, values))
