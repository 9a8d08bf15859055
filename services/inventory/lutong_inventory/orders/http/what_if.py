"""What other rules of sourcing would have done with the orders that came."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lutong_chassis import Command, Problem, TxDependency, Who, allowed, not_audited
from lutong_contracts.values import Identifier, Moment
from lutong_inventory.bodies import router
from lutong_inventory.orders.http.report import LONGEST
from lutong_inventory.orders.store import what_if as store
from lutong_inventory.orders.store.report import Span
from lutong_inventory.orders.store.what_if import After
from lutong_inventory.sourcing.domain.what_if import Replayed, Rules, Served, replay

_METRES_MAX = 200_000
_Day = Annotated[str, StringConstraints(min_length=1, max_length=160)]


class RulesBody(Command):
    """What is different; what is left out is as it was."""

    radius_m: int | None = Field(default=None, ge=1, le=_METRES_MAX, description="stores serve no farther than this")
    daily_capacity: int | None = Field(default=None, ge=1, le=100_000, description="stores take no more orders a day")
    parts_max: int | None = Field(default=None, ge=1, le=4, description="no more locations serve one order")
    load_m: int = Field(
        default=0, ge=0, le=_METRES_MAX, description="each order of its day makes a location count as so much farther"
    )
    flagship_m: int | None = Field(
        default=None,
        ge=0,
        le=10 * _METRES_MAX,
        description="the flagship counts as a store so much farther; else it is last",
    )


class AfterBody(Command):
    """The last order of the page before."""

    created_at: Moment
    order_id: Identifier


class WhatIf(Command):
    """Rules to try on the orders of a time, a page at a time: send `after` and `shifted` back as they were answered."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"rules": {"radius_m": 5_000}, "since": "2026-11-28T00:00:00Z", "until": "2026-11-29T00:00:00Z"}
            ]
        }
    )

    rules: RulesBody = RulesBody()
    since: Moment
    until: Moment
    after: AfterBody | None = None
    shifted: dict[_Day, Annotated[int, Field(ge=-1_000_000, le=1_000_000)]] = Field(default={}, max_length=50_000)
    limit: int = Field(default=500, ge=1, le=1_000)


class PartView(BaseModel):
    """A location that serves an order, or a part of it."""

    location_id: str
    kind: str
    distance_m: int


class SentenceView(BaseModel):
    """A sentence, in English and in Chinese."""

    en: str
    zh: str


class ServedView(BaseModel):
    """Who serves an order; nobody, for a reason; and why."""

    by: list[PartView]
    reason: str | None
    why: SentenceView


class ReplayedView(BaseModel):
    """An order as it was decided, and as it would be (null: what was kept of it does not show that). `unsure`: a location would have had
    more orders by then than it had, and whether its shelf still had the goods is not known."""

    order_id: str
    mode: str
    changed: bool
    unsure: bool
    before: ServedView
    after: ServedView | None


class WhatIfView(BaseModel):
    """A page of orders, in the order in which they came; `next` is null with the last. `total` is how many came in this time, on the
    first page."""

    orders: list[ReplayedView]
    next: AfterBody | None
    shifted: dict[str, int]
    total: int | None


@router.post("/v1/merchants/{merchant_id}/sourcing-rules/what-if")
@allowed("merchant", "viewer")
@not_audited("changes nothing")
async def try_rules(merchant_id: Identifier, body: WhatIf, who: Who, tx: TxDependency) -> WhatIfView:
    """Decide the orders of a time again by other rules, among the candidates that their first decisions kept. Nothing is changed."""
    who.require(merchant=merchant_id, hide=("merchant", merchant_id))
    if not 0 < (body.until - body.since).total_seconds() <= LONGEST.total_seconds():
        raise Problem(422, "bad_span", f"since is before until, by at most {LONGEST.days} days")
    span = Span(merchant_id, body.since, body.until)
    after = After(body.after.created_at, body.after.order_id) if body.after else None
    page = await store.first_decisions(tx, span, after, body.limit)
    named = {each.location_id for order in page.orders for each in order.considered}
    known = await store.known_locations(tx, merchant_id, named)
    found, shifted = replay(page.orders, known, Rules(**body.rules.model_dump()), body.shifted)
    return WhatIfView(
        orders=[_view(each) for each in found],
        next=AfterBody(**page.last._asdict()) if page.last else None,
        shifted=shifted,
        total=None if after else await store.orders_between(tx, span),
    )


def _view(order: Replayed) -> ReplayedView:
    facts: dict[str, Any] = {name: getattr(order, name) for name in ("order_id", "mode", "changed", "unsure")}
    return ReplayedView(**facts, before=_served(order.before), after=_served(order.after) if order.after else None)


def _served(served: Served) -> ServedView:
    by = [PartView(location_id=e.location_id, kind=e.kind, distance_m=e.distance_m) for e in served.by]
    return ServedView(by=by, reason=served.reason, why=SentenceView(**served.why._asdict()))
