"""Coupons: given to those who sign, gone when their time is over."""

from collections.abc import Sequence
from typing import NamedTuple

from lutong_chassis import Cause, Handlers, Outgoing, Received, Tx
from lutong_contracts.membership import AgreementSigned, CouponExpired, CouponLapsed
from lutong_membership.agreements.store import agreements as agreement_store
from lutong_membership.coupons import store as coupon_store
from lutong_membership.coupons.domain import Holder, has_lapsed, issue, issued_events
from lutong_membership.coupons.store import Recipient
from lutong_membership.outgoing import caused
from lutong_membership.policy import clock
from lutong_membership.values import Refusal

handlers = Handlers()


class Granted(NamedTuple):
    """A coupon that is part of a plan that was signed."""

    cause: Cause
    agreement_id: str
    recipient: Recipient


@handlers.on(AgreementSigned)
async def grant_coupons(batch: Sequence[Received[AgreementSigned]], tx: Tx) -> list[Outgoing]:
    """A member joined: give them the coupons that are part of the plan, as far as the stocks reach."""
    agreements = await agreement_store.agreements(tx, [received.event.agreement_id for received in batch])
    wanted = [
        Granted(received.as_cause, agreement.agreement_id, Recipient(grant.stock_id, agreement.member_id))
        for received in batch
        for agreement, plan in [agreements[received.event.agreement_id]]
        for grant in plan.terms.benefits.coupons
        for _ in range(0 if agreement.holdout else grant.coupons)
    ]
    if not wanted:
        return []
    stocks = await coupon_store.lock_stocks(tx, {each.recipient.stock_id for each in wanted})
    issued = await coupon_store.issued_to(tx, [each.recipient for each in wanted])

    coupons, outgoing = [], []
    for cause, agreement_id, recipient in wanted:
        stock, before = stocks.get(recipient.stock_id), issued.get(recipient, 0)
        if stock is None:
            continue
        outcome = issue(stock, tx.new_id(), Holder(recipient.member_id, agreement_id), before, clock(tx))
        if not isinstance(outcome, Refusal):
            stocks[recipient.stock_id], issued[recipient] = outcome.stock, before + 1
            coupons.append(outcome.coupon)
            outgoing += caused(cause, issued_events(outcome.coupon))

    await coupon_store.save_stocks(tx, list(stocks.values()))
    await coupon_store.save_coupons(tx, coupons)
    return outgoing


@handlers.on(CouponLapsed)
async def expire_coupons(batch: Sequence[Received[CouponLapsed]], tx: Tx) -> list[Outgoing]:
    """The last moment of a coupon has passed: it is gone, unless it was used. One that is set aside waits for its order."""
    causes = {received.event.coupon_id: received for received in batch}
    coupons = await coupon_store.lock_coupons(tx, causes)
    gone = [coupon.moved("expired") for coupon in coupons.values() if has_lapsed(coupon, tx.now)]
    await coupon_store.save_coupons(tx, gone)
    return [causes[coupon.coupon_id].causes(CouponExpired(coupon_id=coupon.coupon_id)) for coupon in gone]
