"""What commands on slots take, and what they answer."""

from datetime import date, datetime, timedelta
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from lutong_chassis import Command
from lutong_contracts.values import Day, Identifier, Moment, Place, Reason
from lutong_inventory.locations.domain.opening import DAY_MINUTES, ClockTime, Times, minute_of
from lutong_inventory.locations.domain.places import Datum

DAYS_BEFORE_MAX: Final = 7


class Corner(Place):
    """A corner of an area."""

    model_config = ConfigDict(extra="forbid", strict=True)


class AreaBody(Command):
    """Where a location delivers by slots: a polygon."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "corners": [
                        {"latitude": 31.20, "longitude": 121.44},
                        {"latitude": 31.20, "longitude": 121.50},
                        {"latitude": 31.26, "longitude": 121.47},
                    ]
                }
            ]
        }
    )

    corners: list[Corner] = Field(min_length=3, max_length=500)
    datum: Datum | None = Field(
        default=None, description="of these coordinates, which are kept in WGS-84; null: that of the location"
    )


class SlotBody(Times):
    """A slot on the clock of its location; until before it began is past midnight."""

    day: Day
    capacity: int = Field(ge=0, le=10_000, description="orders that it takes")
    cut_off: ClockTime | None = Field(default=None, description="from then on it takes no more; absent: when it begins")
    cut_off_days_before: int = Field(
        default=0, ge=0, le=DAYS_BEFORE_MAX, description="the cut-off is so many days before"
    )
    area: Identifier | None = Field(default=None, description="where it delivers; absent: as far as the location does")

    @property
    def cut_off_minute(self) -> int:
        """The cut-off in minutes from midnight of the day; below zero on a day before."""
        minute = self.minutes.start if self.cut_off is None else minute_of(self.cut_off)
        return minute - self.cut_off_days_before * DAY_MINUTES


class SlotsBody(Command):
    """Several slots at once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "slots": [
                        {"day": "2026-12-01", "opens": "15:00", "closes": "17:00", "capacity": 10, "cut_off": "13:00"}
                    ]
                }
            ]
        }
    )

    slots: list[SlotBody] = Field(min_length=1, max_length=1000)


class Withdrawal(Command):
    """In which time a location does not deliver after all, and why."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"starts_at": "2026-12-01T18:00:00+08:00", "reason": "closes_early"}]}
    )

    starts_at: Moment
    ends_at: Moment | None = Field(default=None, description="absent: all that come later, too")
    reason: Reason = Field(examples=["closes_early"])


class WithdrawnView(BaseModel):
    """How many slots were withdrawn, and which orders' members are asked for another slot."""

    slots: int
    asked: list[str]


class SlotView(BaseModel):
    """A slot as its merchant sees it: how many places it has, and how many of them are held or booked."""

    slot_id: str
    location_id: str
    area: str | None
    day: date
    starts_at: datetime
    ends_at: datetime
    cut_off_at: datetime
    capacity: int
    held: int
    booked: int
    withdrawn_for: str | None


class WhySlotView(BaseModel):
    """A sentence, in English and in Chinese."""

    en: str
    zh: str


class OfferedSlotView(BaseModel):
    """A slot as a member sees it. `left` is how many more orders it takes; `reason` and `why` are why it takes none."""

    slot_id: str
    location_id: str
    starts_at: datetime
    ends_at: datetime
    cut_off_at: datetime
    left: int
    reason: str | None
    why: WhySlotView


class NearbyQuery(BaseModel):
    """For whom slots are wanted: whose, for which place, and of which days."""

    merchant_id: Identifier
    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False, examples=[31.23])
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False, examples=[121.47])
    day: Day
    days: Annotated[int, Field(ge=1, le=14)] = 2

    @property
    def until(self) -> date:
        """The last of the days."""
        return self.day + timedelta(days=self.days - 1)


class HoldBody(Command):
    """Who wants a place in a slot, and where it is delivered."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"member_id": "reader-1", "destination": {"latitude": 31.23, "longitude": 121.47}}]
        }
    )

    member_id: Identifier
    destination: Corner = Field(examples=[{"latitude": 31.23, "longitude": 121.47}])


class HoldView(BaseModel):
    """A place in a slot: order with its `hold_id` before `expires_at`."""

    hold_id: str
    slot_id: str
    location_id: str
    starts_at: datetime
    ends_at: datetime
    expires_at: datetime


class ReleaseBody(Command):
    """Whose place it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"member_id": "reader-1"}]})

    member_id: Identifier


class ReleasedView(BaseModel):
    """A place that its member gave back."""

    hold_id: str
    state: str


class RebookBody(Command):
    """Whose order it is, and the place that they hold in another slot."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"member_id": "reader-1", "hold_id": "01a20aa9-a380-749f-b6d9-b0115de3bc74"}]}
    )

    member_id: Identifier
    hold_id: Identifier


class RebookedView(BaseModel):
    """When an order is delivered now."""

    order_id: str
    slot_id: str
    starts_at: datetime
    ends_at: datetime
