"""Orders: how what was held for them ends, and what comes back of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts import Event
from lutong_contracts.inventory import OrderCancelled, OrderFulfilled, OrderRefunded, OrderRejected, PartFulfilled
from lutong_contracts.membership import CouponRedeemed, CouponReturned, HoldExpired, HoldLapsed, HoldReleased
from lutong_contracts.values import Money
from lutong_membership.agreements.domain.account import close
from lutong_membership.agreements.domain.agreement import CLOSING
from lutong_membership.agreements.store import accounts as account_store
from lutong_membership.coupons import store as coupon_store
from lutong_membership.coupons.domain import Coupon
from lutong_membership.holds.domain.holds import Delivery, Hold, deliver, fee_of, keep_fee, refund, released
from lutong_membership.holds.store import holds as hold_store
from lutong_membership.holds.store.holds import EndedHolds, HoldEnding, Tombstone
from lutong_membership.ledger.domain.entries import EntryKind, LineKey, after, settled
from lutong_membership.ledger.store import entries as ledger_store
from lutong_membership.outgoing import caused
from lutong_membership.policy import clock, deducts

handlers = Handlers()


@handlers.on(OrderFulfilled)
async def capture_holds(batch: Sequence[Received[OrderFulfilled]], tx: Tx) -> list[Outgoing]:
    """The member has the goods: what was held is owed, counts towards the obligation, and its coupon is used up.

    Where less came than the coupon asks for, the member has it back: it was the merchant who was short.
    """
    causes = {received.event.order_id: received for received in batch}
    endings = [HoldEnding(order_id, received.event.amount.amount_minor) for order_id, received in causes.items()]
    captured = await hold_store.end_holds(tx, endings, "captured")
    work = await hold_store.work_of(tx, captured, deducts=deducts())

    outgoing = []
    for ended in captured.ended:
        received = causes[ended.hold.order_id]
        if account := work.account(ended.agreement.agreement_id):
            outcome = deliver(account, ended.hold, Delivery(received.event.amount, received.time), clock(tx))
            outgoing += caused(received.as_cause, work.take(outcome))

    await account_store.save_work(tx, work)
    coupons = await _reserved(captured, tx)
    earned = [each for each in coupons if each.was_earned(causes[each.order_id or ""].event.listed)]
    used = [coupon.moved("redeemed") for coupon in earned]
    await coupon_store.save_coupons(tx, used)
    outgoing += [_about(coupon, CouponRedeemed, causes) for coupon in used]
    unearned = [coupon for coupon in coupons if coupon not in earned]
    await hold_store.drop_coupons(tx, [coupon.order_id for coupon in unearned if coupon.order_id])
    return outgoing + await _return(unearned, causes, tx)


@handlers.on(PartFulfilled)
async def capture_parts(batch: Sequence[Received[PartFulfilled]], tx: Tx) -> list[Outgoing]:
    """The member has a part of an order: its share of what was held is owed. The rest is held for the other parts.

    Nothing is left to do where the order was captured as a whole meanwhile, by a version that knows no parts.
    """
    found = await hold_store.open_holds(tx, [received.event.order_id for received in batch])
    work = await hold_store.work_of(tx, found, deducts=deducts())
    holds = {ended.hold.order_id: ended.hold for ended in found.ended}
    agreements = {ended.hold.order_id: ended.agreement.agreement_id for ended in found.ended}

    outgoing = []
    for received in batch:
        order_id, event = received.event.order_id, received.event
        if order_id in holds and (account := work.account(agreements[order_id])):
            came = Delivery(event.amount, received.time, event.fulfilment_id)
            outcome = deliver(account, holds[order_id], came, clock(tx))
            outgoing += caused(received.as_cause, work.take(outcome))
            captured_minor = holds[order_id].captured_minor + event.amount.amount_minor
            holds[order_id] = replace(holds[order_id], captured_minor=captured_minor)

    await account_store.save_work(tx, work)
    await hold_store.keep_captured(tx, list(holds.values()))
    return outgoing


@handlers.on(OrderRejected)
async def release_rejected(batch: Sequence[Received[OrderRejected]], tx: Tx) -> list[Outgoing]:
    """No location can serve the order: give back what was held."""
    return await _release(batch, {r.event.order_id: r.event.reason for r in batch}, tx)


@handlers.on(OrderCancelled)
async def release_cancelled(batch: Sequence[Received[OrderCancelled]], tx: Tx) -> list[Outgoing]:
    """The order ended before the goods left: give back what was held, or see that nothing ever is.

    Of one that nobody picked up, a fee is kept where the member signed so.
    """
    events = [received.event for received in batch]
    await tx.lock("order", (event.order_id for event in events))
    fees = await _fees(batch, tx) if any(event.reason == "no_show" for event in events) else {}
    charged = await _charge([received for received in batch if received.event.order_id in fees], fees, tx)
    others = [received for received in batch if received.event.order_id not in fees]
    given_back = charged + await _release(others, {r.event.order_id: r.event.reason for r in others}, tx)
    await hold_store.leave_tombstones(
        tx, [Tombstone(event.order_id, event.member_id, event.merchant_id) for event in events]
    )
    return given_back


async def _fees(batch: Sequence[Received[OrderCancelled]], tx: Tx) -> dict[str, int]:
    """What is kept of which orders, in minor units. All holds of the batch and their lines are locked, in key order."""
    reasons = {received.event.order_id: received.event.reason for received in batch}
    found = await hold_store.open_holds(tx, list(reasons))
    mine = [ended for ended in found.ended if reasons[ended.hold.order_id] == "no_show"]
    fees = {ended.hold.order_id: fee_of(ended.hold, ended.plan.terms) for ended in mine}
    return {order_id: fee_minor for order_id, fee_minor in fees.items() if fee_minor}


async def _charge(batch: Sequence[Received[OrderCancelled]], fees: Mapping[str, int], tx: Tx) -> list[Outgoing]:
    """Keep these fees of holds, and give back the rest, and the coupons."""
    if not batch:
        return []
    causes: dict[str, Received[Event]] = {received.event.order_id: received for received in batch}
    endings = [HoldEnding(order_id, fee_minor, "no_show") for order_id, fee_minor in fees.items()]
    found = await hold_store.end_holds(tx, endings, "released")
    work = await hold_store.work_of(tx, found, deducts=deducts())
    outgoing = []
    for ended in found.ended:
        if account := work.account(ended.agreement.agreement_id):
            outcome = keep_fee(account, ended.hold, clock(tx))
            outgoing += caused(causes[ended.hold.order_id].as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    return outgoing + await _return(await _reserved(found, tx), causes, tx)


async def _release(batch: Sequence[Received[Event]], reasons: Mapping[str, str], tx: Tx) -> list[Outgoing]:
    """End holds without goods: the line has the credit again, unless it had expired already, and the member the coupon."""
    causes = {received.key: received for received in batch}
    endings = [HoldEnding(order_id, reason=reason) for order_id, reason in reasons.items()]
    found = await hold_store.end_holds(tx, endings, "released")
    outgoing = []
    for hold in await _give_back(found, "release", tx):
        amount = Money(amount_minor=hold.left_minor if hold.state == "held" else 0, currency=hold.currency)
        facts = {"order_id": hold.order_id, "member_id": hold.member_id, "merchant_id": hold.merchant_id}
        outgoing.append(
            causes[hold.order_id].causes(HoldReleased(**facts, amount=amount, reason=reasons[hold.order_id]))
        )
    outgoing += await _return(await _reserved(found, tx), causes, tx)
    return outgoing + await _close(found, causes, tx)


@handlers.on(HoldLapsed)
async def expire_holds(batch: Sequence[Received[HoldLapsed]], tx: Tx) -> list[Outgoing]:
    """The hold expired: give the credit back. Most orders have ended long before.

    The coupon stays with the order: goods may still come, at the price that was agreed.
    """
    causes = {received.event.order_id: received for received in batch}
    found = await hold_store.end_holds(tx, [HoldEnding(order_id) for order_id in causes], "expired")
    outgoing = []
    for hold in await _give_back(found, "expiry", tx):
        facts = {"order_id": hold.order_id, "member_id": hold.member_id, "merchant_id": hold.merchant_id}
        amount = Money(amount_minor=hold.left_minor, currency=hold.currency)
        outgoing.append(causes[hold.order_id].causes(HoldExpired(**facts, amount=amount)))
    return outgoing + await _close(found, causes, tx)


async def _give_back(found: EndedHolds, kind: EntryKind, tx: Tx) -> list[Hold]:
    """What was held is available again: nothing, where the parts of an order have captured it all. Gives the holds as they were."""
    lines, entries = dict(found.lines), []
    for hold in (ended.hold for ended in found.ended if ended.hold.state == "held" and ended.hold.left_minor):
        line = lines[LineKey(hold.member_id, hold.currency)]
        given = settled(line, released(hold, line, hold.left_minor, kind))
        lines[line.key] = after(line, *given)
        entries += given
    await ledger_store.post(tx, found.lines, entries)
    return [ended.hold for ended in found.ended]


async def _reserved(found: EndedHolds, tx: Tx) -> list[Coupon]:
    """Coupons that are set aside for orders which ended."""
    wanted = {ended.hold.coupon_id: ended.hold.order_id for ended in found.ended if ended.hold.coupon_id}
    coupons = (await coupon_store.lock_coupons(tx, wanted)).values() if wanted else ()
    return [coupon for coupon in coupons if coupon.state == "reserved" and coupon.order_id == wanted[coupon.coupon_id]]


async def _return(coupons: Sequence[Coupon], causes: Mapping[str, Received[Event]], tx: Tx) -> list[Outgoing]:
    """Members have their coupons back, unless their time is over."""
    now = [coupon.returned(tx.now) for coupon in coupons]
    await coupon_store.save_coupons(tx, now)
    pairs = zip(coupons, now, strict=True)
    return [_about(before, CouponReturned, causes) for before, after_ in pairs if after_.state == "returned"]


def _about(
    coupon: Coupon, event: type[CouponRedeemed | CouponReturned], causes: Mapping[str, Received[Event]]
) -> Outgoing:
    order_id = coupon.order_id or ""
    return causes[order_id].causes(event(coupon_id=coupon.coupon_id, order_id=order_id))


async def _close(found: EndedHolds, causes: Mapping[str, Received[Event]], tx: Tx) -> list[Outgoing]:
    """An agreement that only waited for this order comes to its end."""
    waiting = {e.agreement.agreement_id: e.hold.order_id for e in found.ended if e.agreement.state in CLOSING}
    if not waiting:
        return []
    work = await account_store.open_work(tx, waiting, deducts=deducts())
    outgoing = []
    for agreement_id, order_id in waiting.items():
        if account := work.account(agreement_id):
            outcome = close(account, clock(tx))
            outgoing += caused(causes[order_id].as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    return outgoing


@handlers.on(OrderRefunded)
async def record_refunds(batch: Sequence[Received[OrderRefunded]], tx: Tx) -> list[Outgoing]:
    """Part of an order was taken back: it does not count any more, and need not be paid."""
    agreements = await account_store.agreements_of_orders(tx, [received.event.order_id for received in batch])
    work = await account_store.open_work(tx, agreements.values(), deducts=deducts())
    outgoing = []
    for received in batch:
        if account := work.account(agreements[received.event.order_id]):
            outcome = refund(account, received.event, received.time, clock(tx))
            outgoing += caused(received.as_cause, work.take(outcome))
    await account_store.save_work(tx, work)
    return outgoing
