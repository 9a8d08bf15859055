"""What members can be promised, for cards, pages and carts: asked for before anybody orders."""

from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from lutong_chassis import Command, TxDependency, allowed, not_audited
from lutong_chassis.settings import settings_of
from lutong_contracts.values import Identifier, Line, Mode, Place
from lutong_inventory.availability import store
from lutong_inventory.availability.domain import Availability, Kind, Terms, availability, needs_slots
from lutong_inventory.bodies import router
from lutong_inventory.settings import InventorySettings
from lutong_inventory.sourcing import handlers as sourcing
from lutong_inventory.sourcing.domain.sentences import Why
from lutong_inventory.sourcing.domain.values import Wish

WANTED_MAX: Final = 100


class WantedBody(BaseModel):
    """Goods that a member looks at, and where they are wanted. The place is rounded to two decimals, as an order's is."""

    model_config = ConfigDict(extra="forbid")

    merchant_id: Identifier
    sku: Identifier
    units: int = Field(default=1, ge=1, le=10_000)
    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False, examples=[31.23])
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False, examples=[121.47])
    mode: Mode = "delivery"


class AvailabilityBody(Command):
    """Up to a hundred goods; each is looked at as if it were ordered alone."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"wanted": [{"merchant_id": "watsons", "sku": "mask", "latitude": 31.23, "longitude": 121.47}]}
            ]
        }
    )

    wanted: Annotated[list[WantedBody], Field(min_length=1, max_length=WANTED_MAX)]


class TextView(BaseModel):
    """A sentence in two languages."""

    en: str
    zh: str


class PromiseView(BaseModel):
    """From where goods come, and when: within so many seconds of an order, or in the window of a slot. A slot is promised to
    who holds a place in it (`POST /v1/slots/{slot_id}/holds`) before `order_by`."""

    kind: Kind
    location_id: str
    distance_m: int
    within_s: int | None
    starts_at: datetime | None
    ends_at: datetime | None
    order_by: datetime | None
    slot_id: str | None
    text: TextView


class AvailabilityView(BaseModel):
    """What of goods can be promised now, and why. Without a promise they are not available, for `reason`."""

    merchant_id: str
    sku: str
    mode: Mode
    available: bool
    promise: PromiseView | None
    reason: str | None
    why: TextView


@router.post("/v1/availability")
@allowed("merchant", "member", "viewer")
@not_audited("changes nothing")
async def get_availability(body: AvailabilityBody, tx: TxDependency) -> list[AvailabilityView]:
    """What can be promised of goods at places: where from, when, and why; in the order in which it was asked. Nothing is
    reserved, and sourcing decides by the same rules."""
    settings = settings_of(InventorySettings)
    terms = Terms(
        timedelta(seconds=settings.store_eta_s), timedelta(seconds=settings.flagship_eta_s), settings.slot_days_ahead
    )
    decisions = await sourcing.decide_each(tx, [_wish(str(at), each) for at, each in enumerate(body.wanted)])
    looking = [decision.wish for decision in decisions if needs_slots(decision)]
    slots = await store.first_slots(tx, looking, terms.days_ahead)
    return [
        _view(wanted, availability(decision, slots.get(decision.wish.order_id, ()), terms, tx.now))
        for wanted, decision in zip(body.wanted, decisions, strict=True)
    ]


def _wish(order_id: str, wanted: WantedBody) -> Wish:
    place = Place(latitude=wanted.latitude, longitude=wanted.longitude).coarse()
    lines = [Line(sku=wanted.sku, units=wanted.units, unit_price_minor=0)]
    return sourcing.wish(order_id, wanted.merchant_id, place, wanted.mode, lines)


def _view(wanted: WantedBody, found: Availability) -> AvailabilityView:
    promise = found.promise
    shown = promise and PromiseView(
        kind=promise.kind,
        location_id=promise.location_id,
        distance_m=promise.distance_m,
        within_s=round(promise.within.total_seconds()) if promise.within else None,
        starts_at=promise.window.starts_at if promise.window else None,
        ends_at=promise.window.ends_at if promise.window else None,
        order_by=promise.order_by,
        slot_id=promise.slot_id,
        text=_text(promise.text),
    )
    return AvailabilityView(
        merchant_id=wanted.merchant_id,
        sku=wanted.sku,
        mode=wanted.mode,
        available=promise is not None,
        promise=shown,
        reason=found.reason,
        why=_text(found.why),
    )


def _text(sentence: Why) -> TextView:
    return TextView(en=sentence.en, zh=sentence.zh)
