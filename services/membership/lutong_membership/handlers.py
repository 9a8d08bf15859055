"""What membership reacts to, in the order of the story."""

from collections.abc import Sequence
from typing import Final

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.feed import ServiceRequested
from lutong_contracts.inventory import OrderCancelled, OrderFulfilled, OrderRejected
from lutong_contracts.membership import HoldCaptured, HoldReleased
from lutong_contracts.values import Money
from lutong_membership import domain, store
from lutong_membership.domain import Decision, Entry, Line, Scorecard

handlers = Handlers()

PROVIDER: Final = Scorecard()


@handlers.on(ServiceRequested)
async def hold_credit(batch: Sequence[Received[ServiceRequested]], tx: Tx) -> list[Outgoing]:
    """A viewer wants to join and order: admit them if need be, and set credit aside for the order."""
    await tx.lock("order", (received.event.order_id for received in batch))
    books = await store.open_books(tx, [received.event for received in batch])

    decisions = domain.decide_all([(received.event, tx.new_id()) for received in batch], books, PROVIDER)

    taken = [decision for decision in decisions if decision is not None]
    await store.save_decisions(tx, taken)
    await store.write_entries(tx, [entry for decision in taken for entry in _entries(decision)])
    return [
        received.causes(event)
        for received, decision in zip(batch, decisions, strict=True)
        if decision is not None
        for event in decision.events
    ]


@handlers.on(OrderFulfilled)
async def capture_holds(batch: Sequence[Received[OrderFulfilled]], tx: Tx) -> list[Outgoing]:
    """The member has the goods: what was held is owed."""
    causes = {received.event.order_id: received for received in batch}
    ended = await store.end_holds(tx, [(order_id, "captured", None) for order_id in causes])
    lines = [Line(row["member_id"], row["currency"], 0) for row in ended]

    await store.move_lines(
        tx, [(line, -row["amount_minor"], row["amount_minor"]) for line, row in zip(lines, ended, strict=True)]
    )
    await store.write_entries(
        tx,
        [
            domain.entry("capture", line, row["amount_minor"], order_id=row["order_id"], merchant=row["merchant_id"])
            for line, row in zip(lines, ended, strict=True)
        ],
    )
    return [
        causes[row["order_id"]].causes(
            HoldCaptured(
                order_id=row["order_id"],
                member_id=row["member_id"],
                merchant_id=row["merchant_id"],
                amount=Money(amount_minor=row["amount_minor"], currency=row["currency"]),
            )
        )
        for row in ended
    ]


@handlers.on(OrderRejected)
async def release_rejected(batch: Sequence[Received[OrderRejected]], tx: Tx) -> list[Outgoing]:
    """No location can serve the order: give back what was held."""
    return await _release(batch, tx)


@handlers.on(OrderCancelled)
async def release_cancelled(batch: Sequence[Received[OrderCancelled]], tx: Tx) -> list[Outgoing]:
    """The order ended before the goods left: give back what was held, or see that nothing ever is."""
    events = [received.event for received in batch]
    await tx.lock("order", (event.order_id for event in events))
    released = await _release(batch, tx)
    await store.leave_tombstones(tx, [(event.order_id, event.member_id, event.merchant_id) for event in events])
    return released


async def _release(
    batch: Sequence[Received[OrderRejected]] | Sequence[Received[OrderCancelled]], tx: Tx
) -> list[Outgoing]:
    causes = {received.event.order_id: received for received in batch}
    ended = await store.end_holds(
        tx, [(order_id, "released", received.event.reason) for order_id, received in causes.items()]
    )
    lines = [Line(row["member_id"], row["currency"], 0) for row in ended]

    await store.move_lines(tx, [(line, -row["amount_minor"], 0) for line, row in zip(lines, ended, strict=True)])
    await store.write_entries(
        tx,
        [
            domain.entry("release", line, row["amount_minor"], order_id=row["order_id"])
            for line, row in zip(lines, ended, strict=True)
        ],
    )
    return [
        causes[row["order_id"]].causes(
            HoldReleased(
                order_id=row["order_id"],
                member_id=row["member_id"],
                merchant_id=row["merchant_id"],
                amount=Money(amount_minor=row["amount_minor"], currency=row["currency"]),
                reason=row["reason"],
            )
        )
        for row in ended
    ]


def _entries(decision: Decision) -> list[Entry]:
    """What a decision writes to the ledger: the line it opened, and what it holds on it."""
    line, amount_minor = decision.line_after, decision.request.total.amount_minor
    if line is None:
        return []
    entries = [] if decision.line_before else [domain.entry("line_opened", line, line.limit_minor)]
    if decision.hold_state == "held" and amount_minor:
        entries.append(domain.entry("hold", line, amount_minor, order_id=decision.request.order_id))
    return entries
