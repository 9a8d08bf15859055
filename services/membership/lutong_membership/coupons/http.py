"""Coupons: stocks, what is given out of them, and what members have."""

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import ConfigDict, Field

from lutong_chassis import Command, Problem, Read, TxDependency, Who, allowed, audited, not_found
from lutong_chassis.audit import Change, record
from lutong_contracts.membership import CouponVoided
from lutong_contracts.values import Identifier, Zone
from lutong_membership.bodies import Currency, Minor, Paging, ReasonBody, example, or_refused, router
from lutong_membership.coupons import store as coupon_store
from lutong_membership.coupons.domain import Holder, Stock, issue, issued_events, voided
from lutong_membership.outgoing import caused
from lutong_membership.plans.domain.terms import Minor as MinorOrNothing
from lutong_membership.policy import clock

Units = Annotated[int, Field(ge=1, le=10**9)]

_CHANGEABLE: Final = ("total", "daily_total", "member_total", "paused")
"""What of a stock may be changed."""


class StockOfCoupons(Command):
    """Coupons of one kind: so much off from a minimum on, and how many may be given out."""

    model_config = ConfigDict(
        json_schema_extra=example(
            merchant_id="watsons",
            amount_off_minor=1_000,
            minimum_minor=5_000,
            total=10_000,
            daily_total=500,
            member_total=1,
        )
    )

    merchant_id: Identifier
    currency: Currency = "CNY"
    amount_off_minor: Minor
    minimum_minor: MinorOrNothing = 0
    total: Units
    daily_total: Units
    member_total: Annotated[int, Field(ge=1, le=1_000)] = 1
    valid_days: Annotated[int, Field(ge=1, le=3660)] = 30
    zone: Zone = "Asia/Shanghai"
    paused: bool = False


class Recipient(Command):
    """Who is given a coupon."""

    model_config = ConfigDict(json_schema_extra=example(member_id="reader-1"))

    member_id: Identifier


class Voiding(ReasonBody):
    """Why a coupon is taken back."""

    model_config = ConfigDict(json_schema_extra=example(reason="given out by mistake"))


@router.put("/v1/coupon-stocks/{stock_id}")
@allowed("merchant", "operator")
@audited("coupon_stock.put", own="merchant", shows=("total", "daily_total", "member_total", "paused"))
async def put_stock(stock_id: Identifier, terms: StockOfCoupons, who: Who, tx: TxDependency) -> dict[str, str]:
    """Open a stock, pause it, or change how many may be given out. What a coupon is worth never changes."""
    who.require(merchant=terms.merchant_id, hide=("merchant", terms.merchant_id))
    await tx.lock("coupon stock", [stock_id])  # what is not mentioned stays, and must not change meanwhile
    known = await coupon_store.stock(tx, stock_id)
    unsaid = StockOfCoupons.model_fields.keys() - terms.model_fields_set if known else set()
    kept = {name: getattr(known, name) for name in unsaid}
    latest = Stock(stock_id, **(terms.model_dump() | kept))
    if not await coupon_store.put_stock(tx, latest):
        raise Problem(
            409,
            "stock_fixed",
            f"stock {stock_id!r} has another merchant or price, or more is given out: use another id",
        )
    if who.is_staff:
        before = None if known is None else {name: getattr(known, name) for name in _CHANGEABLE}
        after = {name: getattr(latest, name) for name in _CHANGEABLE}
        await record(tx, who, Change("coupon_stock.put", f"coupon_stock:{stock_id}", None, before, after))
    return {"stock_id": stock_id}


@router.get("/v1/coupon-stocks/{stock_id}")
@allowed("merchant", "viewer")
async def get_stock(stock_id: Identifier, who: Who, tx: TxDependency) -> dict[str, Any]:
    """A stock, and how much of it is given out."""
    stock = await coupon_store.stock(tx, stock_id) or not_found("coupon stock", stock_id)
    who.require(merchant=stock.merchant_id, hide=("coupon stock", stock_id))
    return asdict(stock)


@router.get("/v1/merchants/{merchant_id}/coupon-stocks")
@allowed("merchant", "viewer")
async def list_stocks(
    merchant_id: Identifier, who: Who, read: Read, page: Annotated[Paging, Query()]
) -> list[dict[str, Any]]:
    """A merchant's stocks of coupons by id, and how much of each is given out; pass the last id as `after` for more."""
    who.require(merchant=merchant_id, hide=("merchant", merchant_id))
    return [asdict(stock) for stock in await coupon_store.stocks_of(read, merchant_id, page.after, page.limit)]


@router.post("/v1/coupon-stocks/{stock_id}/coupons", status_code=201)
@allowed("merchant", "operator")
@audited("coupon.issue", own="merchant", shows=("coupon_id", "stock_id"), reasoned=True)
async def issue_coupon(stock_id: Identifier, recipient: Recipient, who: Who, tx: TxDependency) -> dict[str, Any]:
    """Give a member a coupon."""
    stocks = await coupon_store.lock_stocks(tx, [stock_id])
    stock = stocks.get(stock_id) or not_found("coupon stock", stock_id)
    who.require(merchant=stock.merchant_id, hide=("coupon stock", stock_id))
    key = coupon_store.Recipient(stock_id, recipient.member_id)
    before = (await coupon_store.issued_to(tx, [key])).get(key, 0)
    stock, coupon = or_refused(issue(stock, tx.new_id(), Holder(recipient.member_id), before, clock(tx)))
    await coupon_store.save_stocks(tx, [stock])
    await coupon_store.save_coupons(tx, [coupon])
    tx.outgoing += caused(tx.cause, issued_events(coupon))
    if who.is_staff:
        given = {"coupon_id": coupon.coupon_id, "stock_id": stock_id}
        await record(tx, who, Change("coupon.issue", f"member:{recipient.member_id}", after=given))
    return {"coupon_id": coupon.coupon_id, "expires_at": coupon.expires_at}


@router.get("/v1/members/{member_id}/coupons")
@allowed("member", "viewer")
async def list_coupons(member_id: Identifier, who: Who, tx: TxDependency) -> list[dict[str, Any]]:
    """A member's coupons, the latest first."""
    who.require(member=member_id, hide=("member", member_id))
    return [
        asdict(each.coupon) | {"issued_at": each.issued_at} for each in await coupon_store.coupons_of(tx, member_id)
    ]


@router.post("/v1/coupons/{coupon_id}/void")
@allowed("merchant", "operator")
@audited("coupon.void")
async def void_coupon(coupon_id: Identifier, body: Voiding, who: Who, tx: TxDependency) -> dict[str, str]:
    """Take a coupon back that is not in use."""
    coupon = (await coupon_store.lock_coupons(tx, [coupon_id])).get(coupon_id) or not_found("coupon", coupon_id)
    who.require(merchant=coupon.merchant_id, hide=("coupon", coupon_id))
    await coupon_store.save_coupons(tx, [or_refused(voided(coupon))])
    effect = {"state": coupon.state}, {"state": "voided"}
    await record(tx, who, Change("coupon.void", f"coupon:{coupon_id}", body.reason, *effect))
    tx.publish(CouponVoided(coupon_id=coupon_id, reason="by_operator"))
    return {"coupon_id": coupon_id, "state": "voided"}
