"""What commands about traffic rewards take, and what their queries give."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lutong_chassis import Command
from lutong_contracts.values import Day, Identifier, Moment, Reason
from lutong_registry.traffic.domain.ledger import Spend

VISITS_MAX = 500
SOURCE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}~[0-9a-f]{32}$"


class NewSource(Command):
    """Where a merchant's own visitors come from."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"program_id": "watsons", "kind": "store_qr", "location_id": "watsons-sh-001"}]}
    )

    program_id: Identifier
    kind: Literal["store_qr", "campaign"]
    location_id: Identifier | None = Field(None, description="The store that has the code on its counter.")


class ReportedVisit(Command):
    """A visit. `visitor_id` is kept as a pseudonym of this program only."""

    visitor_id: Identifier
    source: Annotated[str, StringConstraints(max_length=100)] = Field(description="The code that the visitor came by.")
    at: Moment
    dwell_s: int = Field(ge=0, le=86_400, description="How long they stayed.")
    spend_id: Identifier | None = Field(None, description="The paid slot that they came from, if they did.")


class Visits(Command):
    """Visits, reported together."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "visits": [
                        {"visitor_id": "ann-1", "source": "qr-1~…", "at": "2026-11-29T10:00:00+08:00", "dwell_s": 40}
                    ]
                }
            ]
        }
    )

    visits: list[ReportedVisit] = Field(min_length=1, max_length=VISITS_MAX)


class Refused(BaseModel):
    """A visit that was not taken: where, why, and what to do."""

    pointer: str
    reason: str
    detail: str


class ReportView(BaseModel):
    """How many visits were taken. Which of them earned is not answered: it would teach how to earn."""

    taken: int
    refused: list[Refused]


class NewSpend(Command):
    """Page views for a slot of the feed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"program_id": "watsons", "placement": "timeline", "pv": 1, "viewer_id": "ann-1"}]
        }
    )

    program_id: Identifier
    placement: Reason = Field(examples=["timeline"])
    pv: int = Field(ge=1, le=100_000)
    viewer_id: Identifier | None = Field(
        None, description="To whom it is shown: visits of theirs earn nothing that day."
    )


class Settlement(Command):
    """What was shown of a spend."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"used": 1}]})

    used: int | None = Field(None, ge=0, description="Absent: all of it.")


class NewRule(Command):
    """What visits earn from a day on, which is not past."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"effective_from": "2026-12-01", "pv_per_uv": 300}]})

    effective_from: Day
    pv_per_uv: int = Field(ge=0, le=100_000)
    valid_days: int = Field(30, ge=8, le=366)
    dwell_s_min: int = Field(3, ge=0, le=3600)
    sources_max: int = Field(3, ge=1, le=100)
    uv_per_source_max: int = Field(100_000, ge=1, le=10_000_000)


class Reversal(Command):
    """What visitors of a day earned is taken back, of one source or of all."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"day": "2026-11-28", "source_id": "qr-1", "reason": "fraud_found"}]}
    )

    day: Day
    source_id: Identifier | None = None
    reason: Reason


class RuleView(BaseModel):
    """A rule of rewards."""

    rule_id: int
    effective_from: date
    pv_per_uv: int
    valid_days: int
    dwell_s_min: int
    sources_max: int
    uv_per_source_max: int


class SourceView(BaseModel):
    """A source, with its code: what its QR code or link has."""

    source_id: str
    program_id: str
    kind: str
    location_id: str | None
    code: str


class SpendView(BaseModel):
    """A spend, and what is left to its program."""

    spend_id: str
    program_id: str
    placement: str
    state: str
    pv: int
    used: int
    available: int


class DayView(BaseModel):
    """Unique visitors of a day and source, by what came of them."""

    day: date
    source_id: str
    outcome: str
    visitors: int
    pv: int


class ExpiryView(BaseModel):
    """So many page views end then, if they are not spent."""

    expires_at: datetime
    pv: int


class ForecastView(BaseModel):
    """What may be expected: by the last seven days, and by what ends in the next seven."""

    granted_per_day: float
    spent_per_day: float
    lasts_days: float | None = Field(description="Until nothing is left; null when more comes than goes.")
    expiring: list[ExpiryView]


class BalanceView(BaseModel):
    """Page views of a program: granted = spent + expired + reversed + available + held."""

    program_id: str
    granted: int
    spent: int
    expired: int
    reversed: int
    available: int
    held: int
    debt: int


class TrafficView(BaseModel):
    """What a program has, who came, and what may be expected."""

    balance: BalanceView
    days: list[DayView]
    forecast: ForecastView


class EntryView(BaseModel):
    """A row of the ledger."""

    entry_id: int
    kind: str
    debit: str
    credit: str
    pv: int
    reference: str
    at: datetime


def spend_view(spend: Spend, available: int) -> SpendView:
    """A spend as it is shown."""
    return SpendView(available=available, **spend._asdict())
