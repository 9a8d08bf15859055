"""What viewers ask of members, as the feed publishes it."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.feed import AccountBindingAsked, AccountBindingEnded
from lutong_membership.bindings import domain, store
from lutong_membership.bindings.domain import Change, Known

handlers = Handlers()

Asking = TypeVar("Asking", AccountBindingAsked, AccountBindingEnded)


@handlers.on(AccountBindingAsked)
async def take_askings(batch: Sequence[Received[AccountBindingAsked]], tx: Tx) -> list[Outgoing]:
    """Viewers ask to order as members: those who consented already are bound."""
    return await _decide(batch, domain.asked, tx)


@handlers.on(AccountBindingEnded)
async def end_for_viewers(batch: Sequence[Received[AccountBindingEnded]], tx: Tx) -> list[Outgoing]:
    """Viewers order as members no more: later requests of theirs are their own."""
    return await _decide(batch, domain.ended_by_viewer, tx)


async def _decide(batch: Sequence[Received[Asking]], rule: Callable[[Known, Asking], Change], tx: Tx) -> list[Outgoing]:
    known = await store.lock(tx, (received.event.viewer_id for received in batch))
    after, outgoing = dict(known), []
    for received in batch:
        change = rule(after[received.event.viewer_id], received.event)
        after[received.event.viewer_id] = change.known
        outgoing += [received.causes(event) for event in change.events]
    await store.save(tx, known, after)
    return outgoing
