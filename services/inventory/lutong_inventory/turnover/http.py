"""What stores took is reported, and what they take more since they serve orders is read."""

from datetime import date, timedelta
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lutong_chassis import Command, Problem, TxDependency, Who, allowed, audited
from lutong_chassis.audit import Change, record
from lutong_contracts.values import Day, Identifier
from lutong_inventory.bodies import refused, router
from lutong_inventory.locations.finding import Naming, find
from lutong_inventory.refusal import Refusal
from lutong_inventory.turnover import store
from lutong_inventory.turnover.domain import Interval, measure
from lutong_inventory.turnover.store import DayRow

Verdict = Literal["higher", "lower", "no_effect_found", "not_enough_data"]


class CounterDay(Command):
    """What a store took at its counter on a day of its own clock, without orders that came by the suite. A day without sales is 0."""

    location_id: Identifier
    day: Day
    amount_minor: int = Field(ge=0, le=10**12, description="in minor units")
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "CNY"


class CounterDays(Command):
    """Many of them at once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"days": [{"location_id": "store-1", "day": "2026-11-28", "amount_minor": 1_250_000}]}]
        }
    )

    merchant_id: Identifier | None = Field(default=None, description="whose locations; else the caller's own")
    days: list[CounterDay] = Field(min_length=1, max_length=2_000)


class ReportedView(BaseModel):
    """How many days were taken in."""

    days: int


class IntervalView(BaseModel):
    """An uplift with its 95 % interval, as shares: 0.08 is 8 % more."""

    value: float
    low: float
    high: float


class StoreUpliftView(BaseModel):
    """What is known of a store. `own` is by its weeks alone, `shrunk` with what is known of the others. `compared`: with stores
    that were never given an order."""

    location_id: str
    currency: str
    weeks_before: int
    weeks_after: int
    compared: bool
    own: IntervalView | None
    shrunk: IntervalView | None
    verdict: Verdict


class UpliftView(BaseModel):
    """By how much stores take more a week since their first order: `pooled` over all `measured`, and each by itself."""

    merchant_id: str
    until: date
    measured: int
    pooled: IntervalView | None
    verdict: Verdict
    stores: list[StoreUpliftView]


@router.post("/v1/turnover/batch", status_code=201)
@allowed("merchant", "operator")
@audited("turnover.report", own="merchant")
async def report_turnover(command: CounterDays, who: Who, tx: TxDependency) -> ReportedView:
    """Report what stores took at their counters; all or none. What is reported again for a day holds instead."""
    if late := [each for each in command.days if each.day > tx.now.date() + timedelta(days=1)]:
        raise Problem(422, "future", f"{late[0].day} has not come: report days that are over")
    named = sorted({each.location_id for each in command.days})
    (found,) = await find(tx, [Naming(who, named, command.merchant_id)])
    if isinstance(found, Refusal):
        raise refused(found)
    days = {
        (found[each.location_id].key, each.day): DayRow(
            found[each.location_id].key, each.day, each.currency, each.amount_minor
        )
        for each in command.days
    }
    await store.save_days(tx, list(days.values()))
    if who.is_staff:
        await record(tx, who, *(Change("turnover.report", f"location:{location_id}") for location_id in named))
    return ReportedView(days=len(days))


@router.get("/v1/merchants/{merchant_id}/stores/uplift")
@allowed("merchant", "viewer")
async def get_uplift(
    merchant_id: Identifier,
    who: Who,
    tx: TxDependency,
    until: Annotated[Day | None, Query(description="weeks that end before this day; else before today")] = None,
) -> UpliftView:
    """By how much each store takes more a week, at its counter and by orders, since it was given its first order."""
    who.require(merchant=merchant_id, hide=("merchant", merchant_id))
    end = until or tx.now.date() + timedelta(days=1)
    stores = await store.weeks_of(tx, merchant_id, end)
    found = measure([each.weeks for each in stores])
    return UpliftView(
        merchant_id=merchant_id,
        until=end,
        measured=found.measured,
        pooled=_view(found.pooled),
        verdict=found.verdict,
        stores=[
            StoreUpliftView(
                location_id=each.location_id,
                currency=each.currency,
                weeks_before=one.weeks_before,
                weeks_after=one.weeks_after,
                compared=one.compared,
                own=_view(one.own),
                shrunk=_view(one.shrunk),
                verdict=one.verdict,
            )
            for each, one in zip(stores, found.stores, strict=True)
        ],
    )


def _view(interval: Interval | None) -> IntervalView | None:
    return IntervalView(value=interval.value, low=interval.low, high=interval.high) if interval else None
