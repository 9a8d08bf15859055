"""Members answer whether the flagship may send what their store cannot."""

from collections.abc import Sequence
from datetime import datetime

from lutong_chassis import Answer, Asked, Handlers, Outgoing, Problem, Tx
from lutong_chassis.audit import Change
from lutong_contracts import Event
from lutong_contracts.inventory import AcceptanceLapsed, OrderSourced
from lutong_inventory.orders.domain import offers
from lutong_inventory.orders.domain.commands import AnswerOffer
from lutong_inventory.orders.domain.outcome import cancelled
from lutong_inventory.orders.handlers import parts
from lutong_inventory.orders.handlers.sourcing import accept_by
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.stock.store.reservations import close_reservations

handlers = Handlers()
DECLINED = "offer_declined"


@handlers.on(AnswerOffer)
async def answer_offers(batch: Sequence[Asked[AnswerOffer]], tx: Tx) -> list[Answer | Problem]:
    """Members agree that the flagship sends their order, and it goes on there; or they do not, and it ends."""
    rows = await order_store.lock_orders(tx, (asked.command.order_id for asked in batch))
    by = accept_by(tx)
    answers: list[Answer | Problem] = []
    moved: dict[str, OrderRow] = {}
    for asked in batch:
        order_id, member_id, accepts = asked.command
        row = moved.get(order_id) or rows.get(order_id)
        if row is None or row.member_id != member_id:
            answers.append(Problem(404, "not_found", f"there is no order {order_id!r}"))
            continue
        refusal = offers.answer(order_id, row.state)
        if refusal:
            answers.append(Problem(409, refusal.kind, refusal.detail))
            continue
        agreed = row._replace(state="sourced", accept_by=by, reason=None)
        moved[order_id] = agreed if accepts else row._replace(state="cancelled", reason=DECLINED)
        answers.append(_answer(tx, asked, moved[order_id], by))
    await order_store.move_orders(tx, list(moved.values()))
    ended = {row.order_id: DECLINED for row in moved.values() if row.state == "cancelled"}
    tx.publish(*await close_reservations(tx, list(ended), "released", ended))
    tx.outgoing += await parts.ends(tx, [row for row in moved.values() if row.order_id in ended])
    return answers


def _answer(tx: Tx, asked: Asked[AnswerOffer], row: OrderRow, by: datetime) -> Answer:
    """What becomes of an order, on the journey that brought it."""
    event: Event = cancelled(row, DECLINED)
    lapse: list[Outgoing] = []
    if row.state == "sourced":
        event = OrderSourced(
            **row.names,
            merchant_id=row.merchant_id,
            location_id=row.location_id,
            location_kind=row.location_kind,
            distance_m=row.distance_m,
            lines=tuple(row.order_lines),
            mode=row.mode,
            accept_by=by,
            consent="answer",
            touch=row.touch,
        )
        lapsed = AcceptanceLapsed(**row.names, location_id=row.location_id)
        lapse = [Outgoing(lapsed, row.cause, by)]
    record = [Change("order.consent", f"order:{row.order_id}", None, None, {"state": row.state})]
    tx.outgoing += [asked.causes(event, row.cause), *lapse]
    return Answer({"order_id": row.order_id, "state": row.state}, (), record if asked.who.is_staff else [])
