"""What the feed reacts to, in the order of the story."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.inventory import OrderCancelled, OrderFulfilled, OrderRejected, OrderSourced
from lutong_contracts.membership import CreditDeclined
from lutong_contracts.registry import (
    ProgramResumed,
    ProgramSuspended,
    ServiceDiscovered,
    ServiceNotFound,
    VersionReleased,
    VersionRolledBack,
)
from lutong_feed import domain, store

handlers = Handlers()


@handlers.on(VersionReleased)
async def show_released_version(batch: Sequence[Received[VersionReleased]], tx: Tx) -> list[Outgoing]:
    """A version is in force: cards show it and sell at its prices."""
    await store.save_programs(tx, [received.event for received in batch])
    return []


@handlers.on(VersionRolledBack)
async def show_earlier_version(batch: Sequence[Received[VersionRolledBack]], tx: Tx) -> list[Outgoing]:
    """An earlier version is in force again."""
    await store.save_programs(tx, [received.event for received in batch])
    return []


@handlers.on(ProgramSuspended)
async def close_cards(batch: Sequence[Received[ProgramSuspended]], tx: Tx) -> list[Outgoing]:
    """A program may not be opened: every card that leads to it is unavailable."""
    await store.save_suspensions(tx, [(received.event.program_id, received.event.reason) for received in batch])
    return []


@handlers.on(ProgramResumed)
async def reopen_cards(batch: Sequence[Received[ProgramResumed]], tx: Tx) -> list[Outgoing]:
    """A program may be opened again, and so may its cards."""
    await store.save_suspensions(tx, [(received.event.program_id, None) for received in batch])
    return []


@handlers.on(ServiceDiscovered)
async def activate_cards(batch: Sequence[Received[ServiceDiscovered]], tx: Tx) -> list[Outgoing]:
    """A post leads to a service: its card can be tapped, unless the service was suspended meanwhile."""
    suspended = await store.suspensions(tx, (received.event.program_id for received in batch))

    cards = []
    for received in batch:
        found = received.event
        state, reason = domain.card_state(suspended.get(found.program_id))
        cards.append((found.post_id, state, found.program_id, found.merchant_id, reason, received.id))

    await store.resolve_cards(tx, cards)
    return []


@handlers.on(ServiceNotFound)
async def close_cards_without_service(batch: Sequence[Received[ServiceNotFound]], tx: Tx) -> list[Outgoing]:
    """A post leads to no service: its card says why."""
    cards = [(r.event.post_id, "unavailable", None, None, r.event.reason, r.id) for r in batch]
    await store.resolve_cards(tx, cards)  # type: ignore[arg-type]  # a list of tuples of one literal state
    return []


@handlers.on(CreditDeclined)
async def show_declined(batch: Sequence[Received[CreditDeclined]], tx: Tx) -> list[Outgoing]:
    """No credit: the request ended before an order came of it."""
    await store.move_requests(tx, "declined", [(r.event.order_id, r.event.reason, None, None) for r in batch])
    return []


@handlers.on(OrderSourced)
async def show_sourced(batch: Sequence[Received[OrderSourced]], tx: Tx) -> list[Outgoing]:
    """A location has the goods for the request."""
    moves = [(r.event.order_id, None, r.event.location_id, r.event.location_kind) for r in batch]
    await store.move_requests(tx, "sourced", moves)
    return []


@handlers.on(OrderRejected)
async def show_rejected(batch: Sequence[Received[OrderRejected]], tx: Tx) -> list[Outgoing]:
    """Nobody has the goods for the request."""
    await store.move_requests(tx, "rejected", [(r.event.order_id, r.event.reason, None, None) for r in batch])
    return []


@handlers.on(OrderFulfilled)
async def close_the_loop(batch: Sequence[Received[OrderFulfilled]], tx: Tx) -> list[Outgoing]:
    """The viewer has what the post was about: count it on the post."""
    moves = [(r.event.order_id, None, r.event.location_id, r.event.location_kind) for r in batch]
    moved = await store.move_requests(tx, "fulfilled", moves)
    await store.count(tx, "fulfilled", [row["post_id"] for row in moved])
    return []


@handlers.on(OrderCancelled)
async def show_cancelled(batch: Sequence[Received[OrderCancelled]], tx: Tx) -> list[Outgoing]:
    """The order ended before the goods left."""
    await store.move_requests(tx, "cancelled", [(r.event.order_id, r.event.reason, None, None) for r in batch])
    return []
