"""stores: places that goods come from."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from lutong_console.imports.rows import AsJson, Kind, Listed, Request, Row
from lutong_contracts.values import CLOCK_PATTERN, Day, Identifier, Mode, Title, Zone

ClockTime = Annotated[str, StringConstraints(pattern=CLOCK_PATTERN)]
_DAYS: Final = re.compile(r"([1-7])(?:-([1-7]))?")
_EACH: Final = re.compile(r"\s*(?:([1-7](?:-[1-7])?(?:,[1-7](?:-[1-7])?)*)\s+)?(\d\d:\d\d)-(\d\d:\d\d)\s*")


class Hours(BaseModel):
    """From when until when, on some days of each week; Monday is 1. Until before it began is past midnight."""

    model_config = ConfigDict(extra="forbid")

    days: list[Annotated[int, Field(ge=1, le=7)]] = Field(default=[1, 2, 3, 4, 5, 6, 7], min_length=1, max_length=7)
    opens: ClockTime
    closes: ClockTime


class HolidayTimes(BaseModel):
    """From when until when on a holiday, which ends by 24:00."""

    model_config = ConfigDict(extra="forbid")

    opens: ClockTime
    closes: ClockTime


class Holiday(BaseModel):
    """A day with other times; without any the store is closed."""

    model_config = ConfigDict(extra="forbid")

    day: Day
    times: list[HolidayTimes] = Field(default=[], max_length=8)


def _hours(cell: object) -> object:
    """`1-5 09:00-22:00;6,7 10:00-20:00`, or JSON."""
    if not isinstance(cell, str) or cell.lstrip().startswith("["):
        return cell
    found = [_EACH.fullmatch(part) for part in cell.split(";") if part.strip()]
    if not all(found):
        raise ValueError("must be written as days and times: 1-5 09:00-22:00;6,7 10:00-20:00")
    return [{"days": _days(each[1]), "opens": each[2], "closes": each[3]} for each in found if each]


def _days(text: str | None) -> list[int]:
    spans = [(int(first), int(last or first)) for first, last in _DAYS.findall(text or "1-7")]
    if any(last < first for first, last in spans):
        raise ValueError("days go from Monday (1) to Sunday (7), such as 1-5")
    return sorted({day for first, last in spans for day in range(first, last + 1)})


class StoreRow(Row):
    """A store, the flagship or a distribution centre. What is absent stays as it was, or is that of a new one."""

    location_id: Identifier = Field(examples=["watsons-sh-001"])
    merchant_id: Identifier = Field(examples=["watsons"])
    kind: Literal["store", "flagship", "distribution_centre"] = Field("store", description="absent: store")
    name: Title = Field(examples=["屈臣氏 南京西路店"])
    latitude: float = Field(ge=-90, le=90, examples=[31.23])
    longitude: float = Field(ge=-180, le=180, examples=[121.47])
    datum: Literal["WGS-84", "GCJ-02", "BD-09"] | None = Field(
        None, description="of these coordinates; absent: WGS-84", examples=["GCJ-02"]
    )
    open: bool | None = Field(None, description="absent: as it was, and open for a new one")
    zone: Zone | None = Field(None, description="IANA time zone; a new one: Asia/Shanghai", examples=["Asia/Urumqi"])
    opening_hours: Annotated[list[Hours] | None, AsJson, BeforeValidator(_hours)] = Field(
        None, max_length=50, description="or `1-5 09:00-22:00;6,7 10:00-20:00`", examples=["1-7 09:00-22:00"]
    )
    holidays: Annotated[list[Holiday] | None, AsJson] = Field(
        None,
        max_length=400,
        examples=['[{"day":"2027-02-06"},{"day":"2027-02-07","times":[{"opens":"10:00","closes":"16:00"}]}]'],
    )
    cut_off: ClockTime | None = Field(None, description="from then on no more orders on a day", examples=["20:30"])
    daily_capacity: int | None = Field(None, ge=1, le=10**6, description="orders that it takes on one day")
    radius_m: int | None = Field(None, ge=1, le=200_000, description="how far it delivers, in metres", examples=[3000])
    modes: Annotated[list[Mode] | None, Listed] = Field(
        None, max_length=2, description="`delivery`, `pickup`", examples=["delivery;pickup"]
    )

    @model_validator(mode="after")
    def _names_a_day_once(self) -> Self:
        days = [holiday.day for holiday in self.holidays or ()]
        if len(set(days)) < len(days):
            raise ValueError("a day is among the holidays twice")
        return self


def request(rows: Sequence[StoreRow]) -> Request:
    """Open or change locations. An absent column is not mentioned, so it stays as it was."""
    locations: list[dict[str, Any]] = [row.model_dump(exclude_none=True, mode="json") for row in rows]
    return Request("POST", "/v1/locations/batch", {"locations": locations})


STORES: Final = Kind("stores", StoreRow, "inventory", ("location_id",), request)
