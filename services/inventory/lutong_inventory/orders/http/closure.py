"""A location closes for good: it opens no order any more, and delivers in no slot."""

from lutong_chassis import TxDependency, Who, allowed, audited
from lutong_contracts.values import Identifier
from lutong_inventory.bodies import router
from lutong_inventory.locations.domain import location as domain
from lutong_inventory.locations.finding import Owner, find_location
from lutong_inventory.locations.http.bodies import Closure, LocationView
from lutong_inventory.locations.http.locations import SHOWN, change
from lutong_inventory.orders.handlers import closing


@router.post("/v1/locations/{location_id}/closure")
@allowed("merchant", "operator")
@audited("location.close", own="merchant", shows=SHOWN)
async def close_location(
    location_id: Identifier, command: Closure, who: Who, tx: TxDependency, owner: Owner = None
) -> LocationView:
    """Close a location for good. What was ordered before still leaves it, but not in slots to come: those are withdrawn, and
    members who booked one are asked. It is kept, and stays readable."""
    known = await find_location(tx, who, location_id, owner, lock=True)
    await closing.withdraw(tx, known.key, tx.now, None, command.reason)
    return await change(tx, who, known, domain.close(known, tx.now), "location.close", command.reason)
