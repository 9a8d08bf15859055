"""Why an order is sourced where it is, and where one would be."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import Query
from pydantic import BaseModel, Field, StringConstraints

from lutong_chassis import Read, TxDependency, Who, allowed, not_found
from lutong_contracts.values import Identifier, Line, Mode, Place
from lutong_inventory.bodies import router
from lutong_inventory.locations.domain.location import location_id_of
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.sourcing import handlers as sourcing
from lutong_inventory.sourcing.domain.decision import RULES_VERSION
from lutong_inventory.sourcing.domain.sentences import why
from lutong_inventory.sourcing.store import decisions as decision_store
from lutong_inventory.sourcing.store.decisions import DecisionRow

LINE_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}:[1-9][0-9]{0,3}$"


class WhyView(BaseModel):
    """A sentence, in English and in Chinese."""

    en: str
    zh: str


class ConsideredView(BaseModel):
    """A candidate, and what became of it: chosen, farther, or what spoke against it. Distances are in metres."""

    location_id: str
    kind: str
    distance_m: int
    orders_today: int
    verdict: str


class DecisionView(BaseModel):
    """A decision, and the candidates that it was made on. `hop` counts the locations that the order was given to."""

    hop: int
    rules: int
    location_id: str | None
    reason: str | None
    why: WhyView
    considered: list[ConsideredView]
    decided_at: datetime
    parts: list[str] = Field(
        default=[], description="the locations that serve a part each, where none has the whole order"
    )


class ExplanationView(BaseModel):
    """What was decided on an order, hop by hop."""

    order_id: str
    decisions: list[DecisionView]


class Trial(BaseModel):
    """An order that nobody made. A line is a SKU and its units, `mask:2`."""

    merchant_id: Identifier
    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False, examples=[31.23])
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False, examples=[121.47])
    mode: Mode = "delivery"
    line: list[Annotated[str, StringConstraints(pattern=LINE_PATTERN)]] = Field(
        min_length=1, max_length=200, examples=[["mask:2"]]
    )


@router.get("/v1/orders/{order_id}/explain")
@allowed("merchant", "viewer")
async def explain_order(order_id: Identifier, who: Who, read: Read) -> ExplanationView:
    """Why an order is sourced where it is: each decision with its candidates, their distances, and a sentence."""
    row = await order_store.order(read, order_id) or not_found("order", order_id)
    who.require(merchant=row.merchant_id, hide=("order", order_id))
    found = await decision_store.decisions_of(read, order_id)
    return ExplanationView(order_id=order_id, decisions=[_view(each) for each in found])


@router.get("/v1/sourcing/trial")
@allowed("merchant", "viewer")
async def try_sourcing(trial: Annotated[Trial, Query()], who: Who, tx: TxDependency) -> DecisionView:
    """Where an order would be sourced if it came now, in parts where its merchant lets it be split. Nothing is reserved."""
    who.require(merchant=trial.merchant_id, hide=("merchant", trial.merchant_id))
    named = [line.rpartition(":") for line in trial.line]
    lines = [Line(sku=sku, units=int(units), unit_price_minor=0) for sku, _, units in named]
    place = Place(latitude=trial.latitude, longitude=trial.longitude)
    wish = sourcing.wish("trial", trial.merchant_id, place, trial.mode, lines)
    (decision,) = await sourcing.decide_orders(tx, [wish], lock=False)
    key = decision.chosen.key if decision.chosen else None
    return _view(DecisionRow(1, RULES_VERSION, key, decision.reason, decision.considered, tx.now))


def _view(row: DecisionRow) -> DecisionView:
    sentence = why(row.considered, row.reason)
    return DecisionView(
        hop=row.hop,
        rules=row.rules,
        location_id=location_id_of(row.location_key) if row.location_key else None,
        reason=row.reason,
        why=WhyView(en=sentence.en, zh=sentence.zh),
        considered=[ConsideredView(**each._asdict()) for each in row.considered],
        decided_at=row.decided_at,
        parts=[each.location_id for each in row.considered if each.verdict == "part"],
    )
