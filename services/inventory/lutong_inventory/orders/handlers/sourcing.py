"""Orders that are decided on: written, their stock set aside, the location given its time."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from lutong_chassis import Outgoing, Tx
from lutong_chassis.settings import settings_of
from lutong_contracts import Event
from lutong_contracts.inventory import AcceptanceLapsed
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.settings import InventorySettings
from lutong_inventory.sourcing import handlers as sourcing
from lutong_inventory.sourcing.domain.decision import Decision
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


async def set_aside(tx: Tx, decisions: Sequence[Decision], hops: Mapping[str, int]) -> list[Event]:
    """Reserve what was decided, and keep the decisions; returns the events of the shelves."""
    wanted = [
        Reservation(decision.wish.order_id, sku, decision.chosen.key, units)
        for decision in decisions
        if decision.chosen
        for sku, units in decision.wish.demand
    ]
    news = await reserve(tx, wanted)
    await sourcing.count_given(tx, decisions)
    await decision_store.save_decisions(tx, decisions, hops)
    return news


def lapse(answer: Outgoing, decision: Decision, by: datetime) -> list[Outgoing]:
    """The deadline of the location that was chosen."""
    if decision.chosen is None:
        return []
    event = AcceptanceLapsed(order_id=decision.wish.order_id, location_id=decision.chosen.location_id)
    return [Outgoing(event, answer.cause, by)]
