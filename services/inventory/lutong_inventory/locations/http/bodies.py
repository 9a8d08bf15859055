"""What commands on locations take, and what they answer."""

from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lutong_chassis import Command
from lutong_contracts.values import Identifier, Mode, Moment, Reason, Title, Zone
from lutong_inventory.locations.domain.location import MODES_OF, Kind, State
from lutong_inventory.locations.domain.opening import ClockTime, Holiday, WeekTimes
from lutong_inventory.locations.domain.places import Datum, Doubt

RADIUS_M_MAX: Final = 200_000


class Site(Command):
    """A place that goods come from. What is not mentioned stays as it was."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "merchant_id": "watsons",
                    "kind": "store",
                    "name": "屈臣氏 南京西路店",
                    "latitude": 31.23,
                    "longitude": 121.46,
                    "opening_hours": [{"days": [1, 2, 3, 4, 5, 6, 7], "opens": "09:00", "closes": "22:00"}],
                }
            ]
        }
    )

    merchant_id: Identifier
    kind: Kind
    name: Title = Field(examples=["屈臣氏 南京西路店"])
    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False, examples=[31.23])
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False, examples=[121.47])
    datum: Datum = Field(default="WGS-84", description="of these coordinates; they are kept in WGS-84")
    open: bool | None = Field(default=None, description="absent: as it was, and open for a new location")
    zone: Zone = "Asia/Shanghai"
    opening_hours: Annotated[list[WeekTimes], Field(max_length=50)] | None = Field(
        default=None, description="on its own clock; null is day and night"
    )
    holidays: list[Holiday] = Field(default_factory=list, max_length=400)
    cut_off: ClockTime | None = Field(default=None, description="from then on it takes no more orders on a day")
    daily_capacity: int | None = Field(default=None, ge=1, le=10**6, description="orders that it takes on one day")
    radius_m: int | None = Field(default=None, ge=1, le=RADIUS_M_MAX, description="how far it delivers")
    modes: list[Mode] | None = Field(
        default=None, max_length=2, description="null: a store delivers and hands over, a flagship delivers"
    )

    @model_validator(mode="after")
    def _names_a_day_once(self) -> Self:
        if len({holiday.day for holiday in self.holidays}) != len(self.holidays):
            raise ValueError("a day is among the holidays twice")
        return self

    @property
    def given(self) -> dict[str, Any]:
        """What was mentioned, as a location has it."""
        given = {name: getattr(self, name) for name in self.model_fields_set & _SETTABLE}
        given |= {
            name: tuple(given[name]) for name in ("opening_hours", "holidays", "modes") if given.get(name) is not None
        }
        if given.get("modes", ()) is None:
            given["modes"] = MODES_OF[self.kind]
        return {name: value for name, value in given.items() if name != "open" or value is not None}


_SETTABLE: Final = Site.model_fields.keys() - {"merchant_id", "kind", "latitude", "longitude"}


class NamedSite(Site):
    """A site with its id."""

    location_id: Identifier


class Sites(Command):
    """Several sites at once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "locations": [
                        {
                            "location_id": "store-1",
                            "merchant_id": "watsons",
                            "kind": "store",
                            "name": "屈臣氏",
                            "latitude": 31.23,
                            "longitude": 121.46,
                        }
                    ]
                }
            ]
        }
    )

    locations: list[NamedSite] = Field(min_length=1, max_length=1000)


class Schedule(Command):
    """When a location takes orders, and how many. What is not mentioned stays as it was."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"opening_hours": [{"days": [1, 2, 3, 4, 5], "opens": "09:00", "closes": "22:00"}]}]
        }
    )

    opening_hours: Annotated[list[WeekTimes], Field(max_length=50)] | None = Field(
        default=None, description="on its own clock; null is day and night"
    )
    cut_off: ClockTime | None = Field(default=None, description="from then on it takes no more orders on a day")
    daily_capacity: int | None = Field(default=None, ge=1, le=10**6, description="orders that it takes on one day")

    @property
    def given(self) -> dict[str, Any]:
        """What was mentioned, as a location has it."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        if given.get("opening_hours") is not None:
            given["opening_hours"] = tuple(given["opening_hours"])
        return given


class Pause(Command):
    """Why a location takes no orders for a while, and until when; without that, until it is resumed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "rush_hour"}]})

    reason: Reason = Field(examples=["rush_hour"])
    until: Moment | None = None


class Closure(Command):
    """Why a location is closed for good."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "lease_ended"}]})

    reason: Reason = Field(examples=["lease_ended"])


class DoubtView(BaseModel):
    """Coordinates that can hardly be right. They are kept; put the location again with better ones."""

    location_id: str
    kind: Doubt
    detail: str


class PutView(BaseModel):
    """A location that was put, and what is doubtful about it."""

    location_id: str
    doubts: list[DoubtView]


class PutsView(BaseModel):
    """How many locations were put, and what is doubtful about them."""

    saved: int
    doubts: list[DoubtView]


class LocationView(BaseModel):
    """A location. Coordinates are in WGS-84; `datum` is of those that its merchant sent."""

    location_id: str
    merchant_id: str
    kind: Kind
    name: str
    state: State
    latitude: float
    longitude: float
    datum: Datum
    open: bool
    zone: str
    opening_hours: list[WeekTimes] | None
    holidays: list[Holiday]
    cut_off: str | None
    daily_capacity: int | None
    radius_m: int | None
    modes: list[Mode]
    paused_until: datetime | None
    closed_at: datetime | None
