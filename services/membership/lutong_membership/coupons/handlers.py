"""Coupons: given to those who sign, gone when their time is over."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.membership import AgreementSigned, CouponExpired, CouponIssued, CouponLapsed
from lutong_contracts.values import Money
from lutong_membership.agreements.store import agreements as agreement_store
from lutong_membership.coupons import store as coupon_store
from lutong_membership.coupons.domain import Coupon, issue
from lutong_membership.policy import clock
from lutong_membership.values import Refusal

handlers = Handlers()


@handlers.on(AgreementSigned)
async def grant_coupons(batch: Sequence[Received[AgreementSigned]], tx: Tx) -> list[Outgoing]:
    """A member joined: give them the coupons that are part of the plan, as far as the stocks reach."""
    agreements = await agreement_store.agreements(tx, [received.event.agreement_id for received in batch])
    wanted = [
        (received, grant.stock_id, agreement)
        for received in batch
        for agreement, plan in [agreements[received.event.agreement_id]]
        for grant in plan.terms.benefits.coupons
        for _ in range(0 if agreement.holdout else grant.coupons)
    ]
    if not wanted:
        return []
    stocks = await coupon_store.lock_stocks(tx, {stock_id for _, stock_id, _ in wanted})
    issued = await coupon_store.issued_to(tx, [(stock_id, agreement.member_id) for _, stock_id, agreement in wanted])
    given: list[tuple[Received[AgreementSigned], Coupon]] = []
    for received, stock_id, agreement in wanted:
        key = (stock_id, agreement.member_id)
        if stock_id not in stocks:
            continue
        before = issued.get(key, 0)
        found = issue(stocks[stock_id], tx.new_id(), agreement.member_id, before, clock(tx), agreement.agreement_id)
        if not isinstance(found, Refusal):
            stocks[stock_id], coupon = found
            issued[key] = before + 1
            given.append((received, coupon))
    await coupon_store.save_stocks(tx, list(stocks.values()))
    await coupon_store.save_coupons(tx, [coupon for _, coupon in given])
    return [
        received.causes(event, due_at=due_at)
        for received, coupon in given
        for event, due_at in (
            (issued_event(coupon), None),
            (CouponLapsed(coupon_id=coupon.coupon_id), coupon.expires_at),
        )
    ]


def issued_event(coupon: Coupon) -> CouponIssued:
    """That a member was given a coupon."""
    return CouponIssued(
        coupon_id=coupon.coupon_id,
        stock_id=coupon.stock_id,
        member_id=coupon.member_id,
        merchant_id=coupon.merchant_id,
        amount_off=Money(amount_minor=coupon.amount_off_minor, currency=coupon.currency),
        expires_at=coupon.expires_at,
    )


@handlers.on(CouponLapsed)
async def expire_coupons(batch: Sequence[Received[CouponLapsed]], tx: Tx) -> list[Outgoing]:
    """The last moment of a coupon has passed: it is gone, unless it was used. One that is set aside waits for its order."""
    causes = {received.event.coupon_id: received for received in batch}
    gone = [coupon.moved("expired") for coupon in await coupon_store.lapsed(tx, causes, tx.now)]
    await coupon_store.save_coupons(tx, gone)
    return [causes[coupon.coupon_id].causes(CouponExpired(coupon_id=coupon.coupon_id)) for coupon in gone]
