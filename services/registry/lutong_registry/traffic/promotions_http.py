"""What merchants ask of promotions: begin one, give it more or less, end it, and see how far it is."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from lutong_chassis import Command, Problem, Read, Tx, TxDependency, Who, allowed, audit, audited, not_found
from lutong_contracts.traffic import PromotionChanged
from lutong_contracts.values import Identifier, Moment
from lutong_registry.bodies import router
from lutong_registry.programs import store as program_store
from lutong_registry.programs.domain import why_not_promoted
from lutong_registry.traffic.domain.promotions import LONGEST, Promotion
from lutong_registry.traffic.store import promotions as store
from lutong_registry.traffic.store.promotions import PromotionRow


class NewPromotion(Command):
    """A program is to be shown in a placement, with so many of its page views at most, until then."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"program_id": "watsons", "placement": "home", "pv": 3000, "ends_at": "2026-12-24T20:00:00+08:00"}
            ]
        }
    )

    program_id: Identifier
    placement: Literal["home", "square", "for_you"]
    pv: int = Field(ge=1, le=1_000_000)
    ends_at: Moment


class PromotionView(BaseModel):
    """A promotion, and how many page views of it were shown. `over` is one whose time is past or whose page views are all spent."""

    promotion_id: str
    program_id: str
    placement: str
    state: Literal["open", "over", "ended"]
    pv: int
    used: int
    ends_at: datetime


@router.put("/v1/promotions/{promotion_id}", status_code=202)
@allowed("merchant", "operator")
@audited("promotion.put", own="merchant", shows=("placement", "pv"))
async def put_promotion(promotion_id: Identifier, body: NewPromotion, who: Who, tx: TxDependency) -> PromotionView:
    """Promote a program with page views that it earned, in a placement that has no other promotion of it; or give one more time, or another number."""
    program = (await program_store.read_programs(tx, None, [body.program_id])).get(body.program_id)
    if program is None:
        not_found("program", body.program_id)
    who.require(merchant=program.merchant_id, hide=("program", body.program_id))
    if refusal := why_not_promoted(program):
        raise Problem(409, refusal.kind, refusal.detail)
    if not tx.now < body.ends_at <= tx.now + LONGEST:
        detail = f"ends_at is to be in the next {LONGEST.days} days: choose a time in them, and promote again after it"
        raise Problem(422, "not_in_time", detail, errors=[{"pointer": "/body/ends_at", "detail": detail}])
    await tx.lock("promotion", [body.program_id])
    await store.end_past(tx, body.program_id, body.placement)
    row = PromotionRow(promotion_id, body.program_id, body.placement, body.pv, body.ends_at)
    if not await store.save(tx, row):
        detail = (
            f"promotion {promotion_id!r} is ended or of another program or placement, or {body.placement} has an open one of "
            f"{body.program_id!r}: use a fresh id, or end that one first"
        )
        raise Problem(409, "promotion_exists", detail)
    saved = await _changed(tx, promotion_id)
    if who.is_staff:
        shown = {"placement": body.placement, "pv": body.pv}
        await audit.record(tx, who, audit.Change("promotion.put", f"promotion:{promotion_id}", after=shown))
    return _view(saved, tx.now)


@router.post("/v1/promotions/{promotion_id}/end", status_code=202)
@allowed("merchant", "operator")
@audited("promotion.end", own="merchant")
async def end_promotion(promotion_id: Identifier, who: Who, tx: TxDependency) -> PromotionView:
    """End a promotion: no more is shown, and what is left goes back when the feed has answered. Once is enough."""
    promotion = await store.lock(tx, promotion_id) or not_found("promotion", promotion_id)
    program = (await program_store.read_programs(tx, None, [promotion.program_id]))[promotion.program_id]
    who.require(merchant=program.merchant_id, hide=("promotion", promotion_id))
    if promotion.is_ended:
        return _view(promotion, tx.now)
    await store.end(tx, promotion_id)
    ended = await _changed(tx, promotion_id)
    if who.is_staff:
        await audit.record(tx, who, audit.Change("promotion.end", f"promotion:{promotion_id}"))
    return _view(ended, tx.now)


@router.get("/v1/programs/{program_id}/promotions")
@allowed("merchant", "viewer")
async def list_promotions(program_id: Identifier, who: Who, read: Read) -> list[PromotionView]:
    """The promotions of a program, the latest first."""
    program = (await program_store.read_programs(read, None, [program_id])).get(program_id) or not_found(
        "program", program_id
    )
    who.require(merchant=program.merchant_id, hide=("program", program_id))
    found = await store.of_program(read, program_id)
    now = await read.fetchval("SELECT now()")
    return [_view(each, now) for each in found]


async def _changed(tx: Tx, promotion_id: str) -> Promotion:
    """A promotion after a change, which is published."""
    saved = await store.lock(tx, promotion_id) or not_found("promotion", promotion_id)
    event = PromotionChanged(
        program_id=saved.program_id, promotion_id=promotion_id, placement=saved.placement,
        state="ended" if saved.is_ended else "open", pv=saved.pv, ends_at=saved.ends_at,
    )  # fmt: skip
    tx.publish(event)
    return saved


def _view(promotion: Promotion, now: datetime) -> PromotionView:
    is_over = promotion.ends_at <= now or promotion.used >= promotion.pv
    state: Literal["open", "over", "ended"] = "ended" if promotion.is_ended else "over" if is_over else "open"
    return PromotionView(
        promotion_id=promotion.promotion_id, program_id=promotion.program_id, placement=promotion.placement,
        state=state, pv=promotion.pv, used=promotion.used, ends_at=promotion.ends_at,
    )  # fmt: skip
