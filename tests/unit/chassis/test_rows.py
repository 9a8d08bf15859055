"""Columns that come from a row's annotations: names, casts and arrays cannot disagree with the row."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

import pytest

from lutong_chassis.rows import Sql, columns_of


class Colour(StrEnum):
    RED = "red"


class Every(NamedTuple):
    text: str
    whole: int
    real: float
    exact: Decimal
    flag: bool
    raw: bytes
    at: datetime
    day: date
    span: timedelta
    id: UUID
    small: Annotated[int, Sql("smallint")]
    noted: Annotated[str, "not an Sql"]
    state: Literal["open", "closed"]
    colour: Colour
    perhaps: str | None
    perhaps_small: Annotated[int | None, Sql("smallint")]
    offset: Annotated[int, Sql("integer")] | None


class Shelf(NamedTuple):
    sku: str
    units: int


def test_each_python_type_has_a_postgresql_type() -> None:
    assert columns_of(Every).types == (
        *(
            "text",
            "bigint",
            "double precision",
            "numeric",
            "boolean",
            "bytea",
            "timestamptz",
            "date",
            "interval",
            "uuid",
        ),
        *("smallint", "text", "text", "text", "text", "smallint", "integer"),
    )


@pytest.mark.parametrize("hint", [object, list[int], dict[str, str], int | str, None])
def test_a_type_without_columns_is_refused_by_its_name(hint: object) -> None:
    class Odd(NamedTuple):
        field: hint  # type: ignore[valid-type]  # made at run time

    with pytest.raises(TypeError, match=r"Odd\.field .* Sql"):
        columns_of(Odd)


def test_names_are_quoted_for_they_may_be_reserved() -> None:
    assert '"offset"' in columns_of(Every).names


def test_rows_become_one_array_per_column() -> None:
    shelf = columns_of(Shelf)
    assert shelf.arrays([Shelf("tea", 2), Shelf("milk", 3)]) == [["tea", "milk"], [2, 3]]
    assert shelf.arrays([]) == [[], []]


def test_a_table_of_rows_may_have_their_places_and_one_column_more() -> None:
    assert columns_of(Shelf).plus("shard", "smallint").unnest("said", first=2, place="n") == (
        'unnest($2::text[], $3::bigint[], $4::smallint[]) WITH ORDINALITY AS said ("sku", "units", "shard", "n")'
    )
