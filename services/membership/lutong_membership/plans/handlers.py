"""Members who see what is offered, or would be: from then on they are counted, in the arm that they were shown."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.feed import MemberExposed
from lutong_membership.plans.store import plans
from lutong_membership.plans.store.plans import ExposedRow

handlers = Handlers()


@handlers.on(MemberExposed)
async def count_from_exposure(batch: Sequence[Received[MemberExposed]], tx: Tx) -> list[Outgoing]:
    """The feed showed a card with an offer, or without one to a member who is held out: both count from the same moment on."""
    events = [received.event for received in batch]
    await plans.draw_exposed(
        tx, [ExposedRow(e.member_id, e.merchant_id, e.plan_id, e.held_out, e.exposed_at) for e in events]
    )
    return []
