"""Stores in a file: what a column says of a location, and that an absent one says nothing."""

from pathlib import Path

import pytest

from lutong_console.imports.kinds.stores import STORES, StoreRow
from lutong_console.imports.rows import Refusal
from tests.unit.console.imports.files import a_file, read

_PLAIN = "location_id,merchant_id,name,latitude,longitude"
_CELLS = "s1,m,Shop,31.2,121.5"


def a_store(tmp_path: Path, column: str, cell: str) -> StoreRow | Refusal:
    """The only row of a file with one more column."""
    quoted = '"' + cell.replace('"', '""') + '"'
    (each,) = read(a_file(tmp_path, f"{_PLAIN},{column}\n{_CELLS},{quoted}\n", "stores.csv"))
    assert isinstance(each.row, StoreRow | Refusal)
    return each.row


@pytest.mark.parametrize(
    ("column", "cell", "sent"),
    [
        ("datum", "GCJ-02", "GCJ-02"),
        ("zone", "Asia/Urumqi", "Asia/Urumqi"),
        ("cut_off", "20:30", "20:30"),
        ("daily_capacity", "120", 120),
        ("radius_m", "3000", 3000),
        ("modes", "delivery;pickup", ["delivery", "pickup"]),
        ("kind", "distribution_centre", "distribution_centre"),
        ("opening_hours", "09:00-22:00", [{"days": [1, 2, 3, 4, 5, 6, 7], "opens": "09:00", "closes": "22:00"}]),
        (
            "opening_hours",
            "1-5 09:00-22:00;6,7 10:00-02:00",
            [
                {"days": [1, 2, 3, 4, 5], "opens": "09:00", "closes": "22:00"},
                {"days": [6, 7], "opens": "10:00", "closes": "02:00"},
            ],
        ),
        (
            "opening_hours",
            '[{"days":[1],"opens":"09:00","closes":"12:00"}]',
            [{"days": [1], "opens": "09:00", "closes": "12:00"}],
        ),
        ("holidays", '[{"day":"2027-02-06"}]', [{"day": "2027-02-06", "times": []}]),
    ],
)
def test_each_column_of_a_location_is_sent(tmp_path: Path, column: str, cell: str, sent: object) -> None:
    row = a_store(tmp_path, column, cell)
    assert isinstance(row, StoreRow), row
    (location,) = STORES.request([row]).body["locations"]
    assert location[column] == sent


def test_absent_columns_are_not_mentioned(tmp_path: Path) -> None:
    """What is not mentioned stays as it was."""
    (each,) = read(a_file(tmp_path, f"{_PLAIN},radius_m,zone,holidays\n{_CELLS},,,\n", "stores.csv"))
    (location,) = STORES.request([each.row]).body["locations"]  # type: ignore[list-item]  # it is a row
    assert set(location) == {*_PLAIN.split(","), "kind"}


@pytest.mark.parametrize(
    ("column", "cell", "why"),
    [
        ("opening_hours", "9-22", "must be written as days and times"),
        ("opening_hours", "7-1 09:00-22:00", "days go from Monday"),
        ("opening_hours", "25:00-26:00", "a time of day is written as 09:00"),
        ("datum", "GPS", "datum"),
        ("zone", "Mars/Olympus", "zone"),
        ("radius_m", "0", "radius_m"),
        ("holidays", '[{"day":"2027-02-06"},{"day":"2027-02-06"}]', "a day is among the holidays twice"),
        ("modes", "drone", "modes"),
    ],
)
def test_what_no_location_can_have_is_refused(tmp_path: Path, column: str, cell: str, why: str) -> None:
    row = a_store(tmp_path, column, cell)
    assert isinstance(row, Refusal)
    assert why in row.reason
