"""What of fulfilled orders is taken back, in batches: two refunds of one order are decided one after the other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from lutong_chassis import Answer, Asked, Handlers, Problem, Tx
from lutong_chassis.audit import Change
from lutong_contracts import Event
from lutong_contracts.inventory import OrderRefunded
from lutong_contracts.values import Money
from lutong_inventory.bodies import refused
from lutong_inventory.orders.handlers.steps import theirs
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.refunds import domain
from lutong_inventory.refunds import store as refund_store
from lutong_inventory.refunds.domain import Delivered, KnownRefund, RefundOrder
from lutong_inventory.refunds.store import NewRefund, RefundName
from lutong_inventory.refusal import Refusal
from lutong_inventory.stock.domain.shelves import Movement, Shelf
from lutong_inventory.stock.store import shelves as shelf_store

handlers = Handlers()


class _Done(NamedTuple):
    """A refund that is made now, of an order as it was before."""

    new: NewRefund
    row: OrderRow
    asked: Asked[RefundOrder]


@dataclass(slots=True)
class _Refunds:
    """The orders of a batch, what came back of them, and the refunds that are known, as decisions so far left them."""

    orders: dict[str, OrderRow]
    known: dict[RefundName, KnownRefund]
    returned: dict[str, dict[str, int]]

    def decide(self, asked: Asked[RefundOrder]) -> _Done | KnownRefund | Refusal:
        """The refund that is made, or the same as it was made before."""
        order_id, refund_id, *_ = asked.command
        row = theirs(self.orders, asked.who, order_id)
        if isinstance(row, Refusal):
            return row
        wanted, name = asked.command.wanted, RefundName(row.merchant_id, refund_id)
        if known := self.known.get(name):
            return domain.why_other(refund_id, known, wanted) or known
        if row.state != "fulfilled":
            return Refusal("not_fulfilled", f"order {order_id!r} is {row.state}: there is nothing to take back")
        returned = self.returned.get(order_id, {})
        amount_minor = domain.worth(Delivered(row.order_lines, row.amount_minor, row.refunded_minor, returned), wanted)
        if isinstance(amount_minor, Refusal):
            return amount_minor
        return self._take(_Done(NewRefund(name, order_id, amount_minor, wanted.restock, wanted.units), row, asked))

    def _take(self, done: _Done) -> _Done:
        new, row, _ = done
        self.known[new.name] = KnownRefund(new.order_id, new.amount_minor, new.units, new.restocked)
        self.orders[new.order_id] = row._replace(refunded_minor=row.refunded_minor + new.amount_minor)
        returned = self.returned.get(new.order_id, {})
        self.returned[new.order_id] = dict(Counter(returned) + Counter(new.units))
        return done


@handlers.on(RefundOrder)
async def refund_orders(batch: Sequence[Asked[RefundOrder]], tx: Tx) -> list[Answer | Problem]:
    """Take parts of fulfilled orders back. Never more than their members paid, over all refunds."""
    orders = await order_store.lock_orders(tx, (asked.command.order_id for asked in batch))
    named = [asked.command for asked in batch if asked.command.order_id in orders]
    names = [RefundName(orders[each.order_id].merchant_id, each.refund_id) for each in named]
    known = await refund_store.refunds_named(tx, names)
    refunds = _Refunds(orders, known, await refund_store.returned_units(tx, orders))
    outcomes = [refunds.decide(asked) for asked in batch]
    done = [each for each in outcomes if isinstance(each, _Done)]
    await refund_store.save_refunds(tx, [each.new for each in done])
    restocked = [each for each in done if each.new.restocked and each.row.location_key]
    news = await _restock(tx, restocked)
    return [
        _answer(asked, each, news if each in restocked[-1:] else ())
        for asked, each in zip(batch, outcomes, strict=True)
    ]


def _answer(
    asked: Asked[RefundOrder], outcome: _Done | KnownRefund | Refusal, news: Sequence[Event]
) -> Answer | Problem:
    """The same answer each time; events and the audit only for the first. `news` are of the shelves."""
    if isinstance(outcome, Refusal):
        return refused(outcome)
    order_id, refund_id, *_ = asked.command
    if isinstance(outcome, KnownRefund):
        return Answer(_body(outcome.order_id, refund_id, outcome.amount_minor), changed=False)
    new, row, _ = outcome
    before = {"refunded_minor": row.refunded_minor}
    after = {"refunded_minor": row.refunded_minor + new.amount_minor, "refund_id": refund_id}
    events = [*([_event(outcome)] if new.amount_minor else ()), *news]  # who owes nothing less need not be answered
    return Answer(
        _body(order_id, refund_id, new.amount_minor),
        [asked.causes(event, row.cause) for event in events],
        [Change("order.refund", f"order:{order_id}", None, before, after)],
    )


def _body(order_id: str, refund_id: str, amount_minor: int) -> dict[str, Any]:
    return {"order_id": order_id, "refund_id": refund_id, "amount_minor": amount_minor}


def _event(done: _Done) -> OrderRefunded:
    new, row, _ = done
    return OrderRefunded(
        **row.names,
        refund_id=new.name.refund_id,
        member_id=row.member_id,
        merchant_id=row.merchant_id,
        amount=Money(amount_minor=new.amount_minor, currency=row.currency),
        touch=row.touch,
    )


async def _restock(tx: Tx, restocked: Sequence[_Done]) -> list[Event]:
    """Put goods back on the shelves they came from; returns the events of the shelves."""
    if not restocked:
        return []
    moves = [
        Movement(Shelf(row.location_key or "", sku), "returned", units, order_id=row.order_id, reason="refunded")
        for new, row, _ in restocked
        for sku, units in sorted(new.units.items())
    ]
    stocks = await shelf_store.lock_stock(tx, [move.shelf for move in moves])
    return await shelf_store.save_movements(tx, stocks, moves)
