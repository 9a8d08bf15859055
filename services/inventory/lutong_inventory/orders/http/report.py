"""What a merchant's stores did with their orders, and from where these came."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import Query
from pydantic import AwareDatetime, BaseModel

from lutong_chassis import Problem, TxDependency, Who, allowed
from lutong_chassis.settings import settings_of
from lutong_contracts.values import Identifier, Moment
from lutong_inventory.bodies import router
from lutong_inventory.orders.domain.report import rates, service_level
from lutong_inventory.orders.store import report as store
from lutong_inventory.orders.store.report import ModeRow, Span, StoreRow, Usual
from lutong_inventory.settings import InventorySettings

USUAL: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=366)


class StoreReport(BaseModel):
    """A location: orders that it was given, what became of them, and the rates of that, from 0 to 1 (null: nothing to count).

    `fill_rate` is fulfilled of those that ended by its doing (fulfilled, rejected, lapsed), `reject_rate` rejected of given,
    `on_time_rate` what was with its member when it should, of those of which that is known. `revenue_minor` is by currency.
    """

    location_id: str
    kind: str
    name: str
    latitude: float
    longitude: float
    given: int
    rejected: int
    lapsed: int
    fulfilled: int
    units: int
    revenue_minor: dict[str, int]
    fill_rate: float | None
    reject_rate: float | None
    on_time_rate: float | None


class FlowView(BaseModel):
    """How many orders a location has of a place, which is known to about a kilometre."""

    location_id: str
    latitude: float
    longitude: float
    orders: int


class ModeReport(BaseModel):
    """Orders of one mode, without those that their members gave up: how many are served, and how. `service_level` is served of
    orders; `in_parts`, `by_flagship` and `rerouted` are of those served; the mean distance is from stores."""

    mode: str
    orders: int
    served: int
    rejected: int
    in_parts: int
    by_flagship: int
    rerouted: int
    service_level: float | None
    mean_distance_m: int | None


class ReportView(BaseModel):
    """Locations that were given orders in this time, the one with the most first, from where those orders came, and how well
    they were served, by mode."""

    merchant_id: str
    since: AwareDatetime
    until: AwareDatetime
    stores: list[StoreReport]
    stores_left_out: int
    flows: list[FlowView]
    modes: list[ModeReport]


@router.get("/v1/merchants/{merchant_id}/stores/report")
@allowed("merchant", "viewer")
async def report_stores(
    merchant_id: Identifier,
    who: Who,
    tx: TxDependency,
    since: Annotated[Moment | None, Query(description="orders from then on; else 30 days before the end")] = None,
    until: Annotated[Moment | None, Query(description="orders until then; else now")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="locations, those with the most orders")] = 500,
) -> ReportView:
    """Per store: orders, units and revenue, and the rates at which it fills, rejects and is on time; and a map's worth of
    where the orders came from."""
    who.require(merchant=merchant_id, hide=("merchant", merchant_id))
    end = until or tx.now
    span = Span(merchant_id, since or end - USUAL, end)
    if not timedelta() < span.until - span.since <= LONGEST:
        raise Problem(422, "bad_span", f"since is before until, by at most {LONGEST.days} days")
    settings = settings_of(InventorySettings)
    found = await store.stores_of(tx, span, Usual(settings.store_eta_s, settings.flagship_eta_s), limit)
    flows = [FlowView(**each._asdict()) for each in await store.flows_of(tx, span)]
    return ReportView(
        **span._asdict(),
        stores=[_view(row) for row in found.rows],
        stores_left_out=found.left_out,
        flows=flows,
        modes=[_by_mode(row) for row in await store.modes_of(tx, span)],
    )


def _by_mode(row: ModeRow) -> ModeReport:
    level = service_level(row.counts)
    return ModeReport(mode=row.mode, **row.counts._asdict(), service_level=level, mean_distance_m=row.mean_distance_m)


def _view(row: StoreRow) -> StoreReport:
    found = rates(row.counts)
    own = {name: value for name, value in row._asdict().items() if name != "counts"}
    counted = {name: getattr(row.counts, name) for name in ("given", "rejected", "lapsed", "fulfilled")}
    return StoreReport(**own, **counted, fill_rate=found.fill, reject_rate=found.reject, on_time_rate=found.on_time)
