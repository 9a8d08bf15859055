"""Orders that are decided on: written, their stock set aside, the location given its time."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from lutong_chassis import Outgoing, Tx
from lutong_chassis.settings import settings_of
from lutong_contracts import Event
from lutong_contracts.inventory import AcceptanceLapsed
from lutong_inventory.orders.domain.outcome import shares
from lutong_inventory.orders.store.orders import OrderRow, written
from lutong_inventory.settings import InventorySettings
from lutong_inventory.sourcing import handlers as sourcing
from lutong_inventory.sourcing.domain.values import Decision
from lutong_inventory.sourcing.store import decisions as decision_store
from lutong_inventory.stock.store.reservations import Reservation, reserve


def accept_by(tx: Tx) -> datetime:
    """Until when a location has to accept an order that it is given now."""
    return tx.now + timedelta(seconds=settings_of(InventorySettings).acceptance_window_s)


def placed(row: OrderRow, decision: Decision, by: datetime) -> OrderRow:
    """An order at the location that was chosen."""
    if decision.chosen is None:
        return row
    return row._replace(
        state="sourced",
        location_key=decision.chosen.key,
        location_kind=decision.chosen.kind,
        distance_m=decision.distance_m,
        accept_by=by,
        reason=None,
    )


def in_parts(row: OrderRow, decision: Decision) -> list[OrderRow]:
    """An order as so many rows as locations serve it: each with its lines and its share of the price."""
    parts = decision.parts
    if len(parts) == 1:
        return [row]
    divided = shares(row.order_lines, row.amount_minor, [{sku for sku, _ in part.wish.demand} for part in parts])
    return [
        row._replace(
            order_id=part.wish.order_id,
            part_of=part.wish.part_of,
            amount_minor=share.amount_minor,
            lines=written(share.lines),
        )
        for part, share in zip(parts, divided, strict=True)
    ]


async def set_aside(tx: Tx, decisions: Sequence[Decision], hops: Mapping[str, int]) -> list[Event]:
    """Reserve what was decided, and keep the decisions; returns the events of the shelves."""
    wanted = [
        Reservation(part.wish.order_id, sku, part.chosen.key, units)
        for decision in decisions
        for part in decision.parts
        if part.chosen
        for sku, units in part.wish.demand
    ]
    news = await reserve(tx, wanted)
    await sourcing.count_given(tx, decisions)
    await decision_store.save_decisions(tx, decisions, hops)
    return news


def lapse(answer: Outgoing, decision: Decision, by: datetime) -> list[Outgoing]:
    """The deadline of the location that was chosen."""
    if decision.chosen is None:
        return []
    event = AcceptanceLapsed(**decision.wish.names, location_id=decision.chosen.location_id)
    return [Outgoing(event, answer.cause, by)]
