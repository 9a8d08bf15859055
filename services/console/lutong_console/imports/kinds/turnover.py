"""turnover: what stores took at their counters, by the day."""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from lutong_console.imports.rows import Kind, Request, Row
from lutong_contracts.values import Day, Identifier


class TurnoverRow(Row):
    """What one store took on one day of its own clock, without orders that came by the suite. A day without sales is 0."""

    location_id: Identifier = Field(examples=["watsons-sh-001"])
    day: Day = Field(examples=["2026-11-28"])
    amount_minor: int = Field(ge=0, le=10**12, description="in minor units", examples=[1250000])
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = Field("CNY", examples=["CNY"])


def request(rows: Sequence[TurnoverRow]) -> Request:
    """Report what stores took; what is reported again for a day holds instead."""
    return Request("POST", "/v1/turnover/batch", {"days": [row.model_dump(mode="json") for row in rows]})


TURNOVER: Final = Kind("turnover", TurnoverRow, "inventory", ("location_id", "day"), request, rows_max=2000)
