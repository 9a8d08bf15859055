"""Rows as PostgreSQL takes many of them at once: one array per column.

Names, casts and order of the columns come from the row's own annotations, so a statement cannot disagree with its rows.
ADR 17 has the figures beside arrays of composite types.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from operator import itemgetter
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

R = TypeVar("R", bound=tuple[Any, ...])

_TYPES: Final[dict[object, str]] = {
    str: "text",
    int: "bigint",
    bool: "boolean",
    float: "double precision",
    bytes: "bytea",
    Decimal: "numeric",
    datetime: "timestamptz",
    date: "date",
    timedelta: "interval",
    UUID: "uuid",
}


@dataclass(frozen=True, slots=True)
class Sql:
    """The PostgreSQL type of a field, where it is another than that of its Python type: `Annotated[str, Sql("uuid")]`."""

    type: str


@dataclass(frozen=True, slots=True)
class Columns(Generic[R]):
    """The columns of a kind of row: what its statements are made of, and the arrays that they take.

    `fields` are the columns' names, `types` their PostgreSQL types, both in the row's order.
    """

    fields: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def names(self) -> str:
        """The quoted names with commas between them, for lists of INSERT and SELECT."""
        return ", ".join(f'"{name}"' for name in self.fields)

    def unnest(self, alias: str = "given", *, first: int = 1, place: str | None = None) -> str:
        """A table of the rows, for FROM: the arrays are the parameters from number `first` on.

        `place` names one more column: the number of the row among those that were given, from 1.
        """
        arrays = ", ".join(f"${first + n}::{type_}[]" for n, type_ in enumerate(self.types))
        if place is None:
            return f"unnest({arrays}) AS {alias} ({self.names})"
        return f'unnest({arrays}) WITH ORDINALITY AS {alias} ({self.names}, "{place}")'

    def plus(self, name: str, type_: str) -> "Columns[R]":
        """These columns and one more, whose array the statement takes behind those of the rows."""
        return Columns((*self.fields, name), (*self.types, type_))

    def arrays(self, rows: Iterable[R]) -> list[list[object]]:
        """One list for each column, in the order of `unnest`; empty lists when there are no rows."""
        return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in self.fields]

    def latest(self, rows: Iterable[R], *key: str) -> list[list[object]]:
        """The arrays of copies of what others publish: of each key the row with the highest `revision`.

        They are in key order, so that two batches cannot deadlock.
        """
        revision, name = self.fields.index("revision"), itemgetter(*map(self.fields.index, key))
        found: dict[Any, R] = {}
        for row in rows:
            known = found.get(name(row))
            if known is None or known[revision] < row[revision]:
                found[name(row)] = row
        return self.arrays(row for _, row in sorted(found.items()))

    def replaced(self, *key: str) -> str:
        """The end of an INSERT: of what is there under this key all else becomes that of the row. More may follow, behind a comma or `WHERE`."""
        changed = ", ".join(f'"{name}" = excluded."{name}"' for name in self.fields if name not in key)
        return f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changed}"

    def newer(self, *key: str) -> str:
        """The end of an INSERT of such copies `AS known`: what is there stays where its `revision` is as high or higher."""
        return f"{self.replaced(*key)} WHERE known.revision < excluded.revision"


def columns_of(row: type[R]) -> Columns[R]:
    """The columns of a NamedTuple. `X | None` is the type of X: every element of an array may be NULL.

    Raises TypeError for a field of a type that has no PostgreSQL type here: give it one by `Annotated[…, Sql("…")]`.

    >>> from typing import NamedTuple
    >>> class Stock(NamedTuple):
    ...     sku: str
    ...     units: Annotated[int, Sql("integer")]
    ...     counted_at: datetime | None
    >>> stock = columns_of(Stock)
    >>> stock.names
    '"sku", "units", "counted_at"'
    >>> stock.unnest("seen", first=2)
    'unnest($2::text[], $3::integer[], $4::timestamptz[]) AS seen ("sku", "units", "counted_at")'
    >>> stock.arrays([Stock("tea", 2, None), Stock("milk", 1, None)])
    [['tea', 'milk'], [2, 1], [None, None]]

    Copies of what others publish are kept in their highest revision:

    >>> class Plan(NamedTuple):
    ...     plan_id: str
    ...     revision: int
    ...     title: str
    >>> plan = columns_of(Plan)
    >>> plan.latest([Plan("light", 2, "Light"), Plan("light", 1, "light"), Plan("dark", 1, "Dark")], "plan_id")
    [['dark', 'light'], [1, 2], ['Dark', 'Light']]
    >>> plan.newer("plan_id")
    'ON CONFLICT (plan_id) DO UPDATE SET "revision" = excluded."revision", "title" = excluded."title" WHERE known.revision < excluded.revision'
    """
    hints = get_type_hints(row, include_extras=True)
    fields: tuple[str, ...] = vars(row)["_fields"]
    return Columns(fields, tuple(_type_of(f"{row.__name__}.{name}", hints[name]) for name in fields))


def _type_of(where: str, hint: object) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        named = [extra.type for extra in arguments[1:] if isinstance(extra, Sql)]
        return named[0] if named else _type_of(where, arguments[0])
    if origin in {Union, UnionType}:
        others = {_type_of(where, argument) for argument in arguments if argument is not NoneType}
        if len(others) == 1:
            return others.pop()
    elif origin is Literal:
        return _type_of(where, type(arguments[0]))
    elif isinstance(hint, type) and issubclass(hint, Enum):
        return _type_of(where, type(next(iter(hint)).value))
    elif hint in _TYPES:
        return _TYPES[hint]
    raise TypeError(f'{where} is {hint}, which has no PostgreSQL type here: write Annotated[…, Sql("jsonb")]')


def as_array(values: Iterable[object]) -> str:
    r"""A PostgreSQL array as text, to be cast: `unnest` takes no arrays of arrays of different lengths.

    >>> print(as_array(["tea", 'a "b"', 7]))
    {"tea","a \"b\"",7}
    """
    quoted = (f'"{value.translate(_ESCAPES)}"' if isinstance(value, str) else str(value) for value in values)
    return f"{{{','.join(quoted)}}}"


_ESCAPES: Final = str.maketrans({'"': '\\"', "\\": "\\\\"})
