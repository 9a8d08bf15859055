"""Plans as membership publishes them, who has them, and members who see a card of one for the first time."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.feed import MemberExposed
from lutong_contracts.membership import (
    AgreementFulfilled,
    AgreementQuit,
    AgreementSigned,
    AgreementUnfulfilled,
    PlanClosed,
    PlanPublished,
)
from lutong_feed.offers import domain, store
from lutong_feed.offers.store import ExposureRow, MemberPlan, MemberRow, Seen

handlers = Handlers()


@handlers.on(PlanPublished)
async def offer_plans(batch: Sequence[Received[PlanPublished]], tx: Tx) -> list[Outgoing]:
    """Plans may be joined: cards of their merchants offer them."""
    await store.keep_plans(tx, [received.event for received in batch], is_open=True)
    return []


@handlers.on(PlanClosed)
async def end_offers(batch: Sequence[Received[PlanClosed]], tx: Tx) -> list[Outgoing]:
    """Plans may not be joined any more: no card offers them."""
    await store.keep_plans(tx, [received.event for received in batch], is_open=False)
    return []


@handlers.on(AgreementSigned)
async def show_members_prices(batch: Sequence[Received[AgreementSigned]], tx: Tx) -> list[Outgoing]:
    """Members have plans: cards show them their prices, and offer nothing."""
    events = [received.event for received in batch]
    await store.join(tx, [MemberRow(e.agreement_id, e.member_id, e.plan_id) for e in events])
    return []


@handlers.on(AgreementQuit)
async def end_prices_of_who_left(batch: Sequence[Received[AgreementQuit]], tx: Tx) -> list[Outgoing]:
    """Members left their plans."""
    await store.leave(tx, [received.event.agreement_id for received in batch])
    return []


@handlers.on(AgreementFulfilled)
async def end_prices_of_fulfilled_terms(batch: Sequence[Received[AgreementFulfilled]], tx: Tx) -> list[Outgoing]:
    """Terms are over."""
    await store.leave(tx, [received.event.agreement_id for received in batch])
    return []


@handlers.on(AgreementUnfulfilled)
async def end_prices_of_unfulfilled_terms(batch: Sequence[Received[AgreementUnfulfilled]], tx: Tx) -> list[Outgoing]:
    """Terms are over."""
    await store.leave(tx, [received.event.agreement_id for received in batch])
    return []


async def expose(tx: Tx, seen: Sequence[Seen]) -> list[MemberExposed]:
    """Members saw cards where plans are offered, or would be: for each plan the first time counts, in both arms."""
    found = await store.unseen(tx, seen) if seen else []
    rows = {
        MemberPlan(known.member_id, known.plan.plan_id): ExposureRow(
            known.member_id,
            known.plan.plan_id,
            domain.held_out(known.plan, known.member_id, known.standing),
            known.served_at,
        )
        for known in found
        if known.served_at
    }
    merchants = {known.plan.plan_id: known.plan.merchant_id for known in found}
    fresh = await store.expose(tx, list(rows.values()))
    return [MemberExposed(merchant_id=merchants[key.plan_id], **rows[key]._asdict()) for key in sorted(fresh)]
