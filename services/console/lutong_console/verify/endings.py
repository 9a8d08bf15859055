"""Endings: V7 everything that was begun ends once, and nothing waits longer than it should."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from lutong_console.verify.collect import moment
from lutong_console.verify.joining import Group, Row
from lutong_console.verify.tables import SERVICES
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World
from lutong_contracts.sentences import counted

DEADLINE_GRACE: Final = timedelta(seconds=60)

_ENTRIES_OF_HOLD: Final[dict[str, tuple[dict[str, int], ...]]] = {
    "held": ({"hold": 1},),
    "captured": (
        {"hold": 1, "capture": 1},
        {"hold": 1, "capture": 1, "release": 1},
        {"hold": 1, "release": 1},
        {"hold": 1, "expiry": 1, "late_capture": 1},
        {"hold": 1, "expiry": 1, "uncovered_capture": 1},
    ),
    "released": (
        {"hold": 1, "release": 1},
        {"hold": 1, "expiry": 1},
        {"hold": 1, "no_show_fee": 1},
        {"hold": 1, "no_show_fee": 1, "release": 1},
    ),
    "expired": ({"hold": 1, "expiry": 1},),
    "waiting": ({},),
    "declined": ({},),
    "cancelled": ({},),
}
"""What a hold may have in the ledger. Captured for less: the rest is released; for nothing at all: all of it."""

_CAPTURES: Final = ("capture", "late_capture", "uncovered_capture")

_DUE_OF_AGREEMENT: Final = {
    "active": "ends_at",
    "fulfilled": "settle_at",
    "unfulfilled": "settle_at",
    "quit": "settle_at",
    "settled": "grace_ends_at",
    "recovered": "grace_ends_at",
    "written_off": "grace_ends_at",
}
"""Until when an agreement may stay in a state."""

_ORDERS_OF_COUPON: Final = {"reserved": {"held", "expired"}, "redeemed": {"captured"}}
"""States of the order that a coupon is used for."""


def everything_ends_once(world: World) -> Iterator[Violation]:
    """V7: holds, reservations, agreements, coupons and deductions end once; nothing is overdue."""
    yield from _holds(world)
    yield from _reservations(world)
    yield from _agreements(world)
    yield from _coupons(world)
    yield from _coupons_of_orders(world)
    yield from _stocks(world)
    yield from _deductions(world)
    for service in SERVICES:
        for row in world.select(f"SELECT event_id, key, due_at, read_at FROM {service}.deadline"):
            if _late(row, "due_at"):
                yield Violation("V7", f"{service}: a deadline is overdue", f"event {row['event_id']}, key {row['key']}")


def _late(row: Row, name: str) -> bool:
    return row[name] is not None and moment(row, name) + DEADLINE_GRACE < moment(row, "read_at")


def _holds(world: World) -> Iterator[Violation]:
    holds = world.by(
        "order_id",
        hold="SELECT order_id, state, expires_at, read_at FROM membership.hold ORDER BY order_id",
        entries="""
            SELECT coalesce(part_of, order_id) AS order_id, kind, count(*) AS times
              FROM membership.entry
              LEFT JOIN (SELECT order_id, part_of FROM inventory.customer_order WHERE part_of IS NOT NULL) USING (order_id)
             WHERE order_id <> '' GROUP BY 1, 2 ORDER BY 1, 2""",
        parts="""
            SELECT part_of AS order_id, sum(state = 'fulfilled' AND amount_minor > 0) AS came
              FROM inventory.customer_order WHERE part_of IS NOT NULL GROUP BY 1 ORDER BY 1""",
    )
    for order_id, of in holds:
        found, where = {row["kind"]: row["times"] for row in of.all("entries")}, f"order {order_id}"
        for hold in of.each("hold"):
            parts = of.one("parts")
            if not (_booked_in_parts(found, parts["came"]) if parts else found in _ENTRIES_OF_HOLD[hold["state"]]):
                yield Violation("V7", f"a hold that is {hold['state']} with entries {found}", where)
            if hold["state"] == "held" and _late(hold, "expires_at"):
                yield Violation("V7", "a hold has outlived its time", where)


def _booked_in_parts(found: dict[str, int], came: int) -> bool:
    """Whether a hold has the entries of an order in parts: one for each that came, or one for all of them by a release that
    knows no parts; what is left is given back once."""
    captures = sum(found.get(kind, 0) for kind in _CAPTURES)
    rest = {kind: times for kind, times in found.items() if kind not in _CAPTURES}
    return captures in {came, min(came, 1)} and rest in (
        {"hold": 1},
        {"hold": 1, "release": 1},
        {"hold": 1, "expiry": 1},
    )


def _reservations(world: World) -> Iterator[Violation]:
    """An order is set aside once for each location that had it, and given up by all but the one that ships it. What nothing is left
    of was given up each time: other parts have it, since the order was split.

    What a decline reports of a shelf names its order, too, and is the shelf's: nothing of it was set aside.
    """
    reservations = world.by(
        "order_id, sku",
        reservation="SELECT order_id, sku, state FROM inventory.reservation ORDER BY order_id, sku",
        movements="""
            SELECT order_id, sku, kind, count(*) AS times FROM inventory.movement
             WHERE order_id <> '' AND kind IN ('reserved', 'released', 'shipped') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
    )
    for (order_id, sku), of in reservations:
        found = Counter({row["kind"]: row["times"] for row in of.all("movements")})
        rows = of.all("reservation")
        if not rows and found != Counter(reserved=found["reserved"], released=found["reserved"]):
            yield Violation("V7", f"no reservation, with movements {dict(found)}", f"order {order_id}, {sku}")
        for row in rows:
            given_up = found["reserved"] - (row["state"] != "released")
            wanted = Counter(reserved=found["reserved"], released=given_up, shipped=row["state"] == "shipped")
            if not found["reserved"] or found != wanted:
                what = f"a reservation that is {row['state']} with movements {dict(found)}"
                yield Violation("V7", what, f"order {order_id}, {sku}")


def _agreements(world: World) -> Iterator[Violation]:
    """An agreement goes on when it is time, unless it waits for an order; for each open assessment there is a job."""
    agreements = world.by(
        "agreement_id",
        agreement="SELECT * FROM membership.agreement ORDER BY agreement_id",
        under_way="""
            SELECT DISTINCT agreement_id FROM membership.hold
             WHERE state IN ('held', 'waiting') AND agreement_id IS NOT NULL ORDER BY agreement_id""",
        job="SELECT * FROM membership.job ORDER BY agreement_id",
        waiting="SELECT agreement_id, order_id FROM membership.waiting ORDER BY agreement_id",
    )
    for key, of in agreements:
        agreement, where = of.one("agreement"), f"agreement {key}"
        for what in _overdue(agreement, of) if agreement else ():
            yield Violation("V7", what, where)
        if not agreement or agreement["state"] != "consulted":
            for row in of.each("waiting"):
                yield Violation("V7", "a request waits for an answer that came", f"order {row['order_id']}")


def _overdue(agreement: Row, of: Group) -> Iterator[str]:
    """What ought to have happened with an agreement."""
    state, job = agreement["state"], of.one("job")
    due = _DUE_OF_AGREEMENT.get(state)
    waits = due == "grace_ends_at" and of.one("under_way") is not None
    if due and not waits and _late(agreement, due):
        yield f"an agreement is still {state} after its {due}"
    if _late(agreement, "step_due_at"):
        yield "a dunning step was not taken when it was due"
    if state == "consulted" and (job is None or _late(job, "give_up_at")):
        yield "a member waits for an answer, and there is no job for it"


def _coupons(world: World) -> Iterator[Violation]:
    """No two orders have a coupon, and none has one that is not in use."""
    coupons = world.by(
        "coupon_id",
        coupon="SELECT coupon_id, state FROM membership.coupon ORDER BY coupon_id",
        users="""
            SELECT coupon_id, count(*) AS orders FROM membership.hold
             WHERE coupon_id <> '' AND state IN ('held', 'captured', 'expired') GROUP BY coupon_id ORDER BY coupon_id""",
    )
    for coupon_id, of in coupons:
        users = of.one("users")
        orders = users["orders"] if users else 0
        for coupon in of.each("coupon"):
            if orders != (coupon["state"] in _ORDERS_OF_COUPON):
                what = f"a coupon is {coupon['state']}, and {orders} orders have it"
                yield Violation("V7", what, f"coupon {coupon_id}")


def _coupons_of_orders(world: World) -> Iterator[Violation]:
    """A coupon is where its order is."""
    orders = world.by(
        "order_id",
        coupon="""
            SELECT coalesce(order_id, '') AS order_id, coupon_id, state FROM membership.coupon
             WHERE state IN ('reserved', 'redeemed') ORDER BY 1""",
        hold="SELECT order_id, state, coupon_id FROM membership.hold WHERE coupon_id <> '' ORDER BY order_id",
    )
    for _, of in orders:
        order = of.one("hold")
        for coupon in of.each("coupon"):
            if (
                order is None
                or order["state"] not in _ORDERS_OF_COUPON[coupon["state"]]
                or order["coupon_id"] != coupon["coupon_id"]
            ):
                what = f"a coupon is {coupon['state']}, and its order is not"
                yield Violation("V7", what, f"coupon {coupon['coupon_id']}")


def _stocks(world: World) -> Iterator[Violation]:
    """Stocks of coupons count what they gave."""
    stocks = world.by(
        "stock_id",
        stock="SELECT * FROM membership.stock ORDER BY stock_id",
        given="SELECT stock_id, count(*) AS coupons FROM membership.coupon GROUP BY stock_id ORDER BY stock_id",
    )
    for stock_id, of in stocks:
        given = row["coupons"] if (row := of.one("given")) else 0
        for stock in of.each("stock"):
            if stock["issued"] != given or stock["issued"] > stock["total"]:
                what = f"counted {stock['issued']} of {counted(stock['total'], 'coupon')}, given out {given}"
                yield Violation("V7", what, f"stock {stock_id}")


def _deductions(world: World) -> Iterator[Violation]:
    """What was taken is booked once, and nothing else is."""
    deductions = world.by(
        "deduction_id",
        deduction="SELECT deduction_id, state, amount_minor FROM membership.deduction ORDER BY deduction_id",
        booked="""
            SELECT reference AS deduction_id, sum(amount_minor) AS amount_minor FROM leg
             WHERE kind = 'deduction' AND account = 'platform:cash' AND reference <> '' GROUP BY 1 ORDER BY 1""",
    )
    for deduction_id, of in deductions:
        deduction, where = of.one("deduction"), f"deduction {deduction_id}"
        found = row["amount_minor"] if (row := of.one("booked")) else 0
        if deduction is None:
            yield Violation("V7", "a deduction is booked that never was", where)
        elif deduction["state"] == "taken":
            yield Violation("V7", "money was taken and is not booked", where)
        elif found != (deduction["amount_minor"] if deduction["state"] == "succeeded" else 0):
            yield Violation("V7", f"a deduction that is {deduction['state']} is booked for {found}", where)
