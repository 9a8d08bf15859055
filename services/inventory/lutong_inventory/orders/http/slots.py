"""Orders in slots: moved to other slots by their members, asked about when a location closes early."""

from fastapi import Response

from lutong_chassis import Ask, Problem, TxDependency, Who, allowed, audited
from lutong_chassis.audit import Change, record
from lutong_contracts.values import Identifier
from lutong_inventory.bodies import router
from lutong_inventory.locations.finding import Owner, find_location
from lutong_inventory.orders.handlers import closing
from lutong_inventory.slots.domain.commands import RebookOrder
from lutong_inventory.slots.http.bodies import RebookBody, RebookedView, Withdrawal, WithdrawnView


@router.post("/v1/locations/{location_id}/slots/withdrawals", status_code=201)
@allowed("merchant", "operator")
@audited("slot.withdraw", own="merchant", shows=("slots", "asked"))
async def withdraw_slots(
    location_id: Identifier, body: Withdrawal, who: Who, tx: TxDependency, owner: Owner = None
) -> WithdrawnView:
    """Deliver in no slot between two moments: the location closes early. Members who booked one are asked for another."""
    if body.ends_at is not None and body.ends_at <= body.starts_at:
        raise Problem(422, "bad_times", "ends_at must be after starts_at")
    location = await find_location(tx, who, location_id, owner)
    closed = await closing.withdraw(tx, location.key, max(body.starts_at, tx.now), body.ends_at, body.reason)
    asked = sorted(row.order_id for row in closed.asked)
    if who.is_staff:
        facts = {"slots": len(closed.slots), "asked": len(asked)}
        await record(tx, who, Change("slot.withdraw", f"location:{location_id}", body.reason, None, facts))
    return WithdrawnView(slots=len(closed.slots), asked=asked)


@router.put("/v1/orders/{order_id}/slot", response_model=RebookedView)
@allowed("member", "operator")
@audited("slot.rebook", own="member")
async def rebook(order_id: Identifier, body: RebookBody, who: Who, ask: Ask) -> Response:
    """Have an order delivered in another slot of its location, in which a place is held."""
    who.require(member=body.member_id, hide=("member", body.member_id))
    return await ask(RebookOrder(order_id, body.hold_id, body.member_id))
