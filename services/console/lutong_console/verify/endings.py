"""Endings: V7 everything that was begun ends once, and nothing waits longer than it should."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from lutong_console.verify.collect import Row, World, moment
from lutong_console.verify.violation import Violation
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
    "released": ({"hold": 1, "release": 1}, {"hold": 1, "expiry": 1}),
    "expired": ({"hold": 1, "expiry": 1},),
    "waiting": ({},),
    "declined": ({},),
    "cancelled": ({},),
}
"""What a hold may have in the ledger. Captured for less: the rest is released; for nothing at all: all of it."""

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


def everything_ends_once(world: World) -> Iterator[Violation]:
    """V7: holds, reservations, agreements, coupons and deductions end once; nothing is overdue."""
    yield from _holds(world)
    yield from _reservations(world)
    yield from _agreements(world)
    yield from _coupons(world)
    yield from _deductions(world)
    for service in world.tables:
        for row in world.rows(service, "deadline"):
            if _late(row, "due_at"):
                yield Violation("V7", f"{service}: a deadline is overdue", f"event {row['event_id']}, key {row['key']}")


def _late(row: Row, name: str) -> bool:
    return row[name] is not None and moment(row, name) + DEADLINE_GRACE < moment(row, "read_at")


def _holds(world: World) -> Iterator[Violation]:
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in world.rows("membership", "entry"):
        if entry["order_id"]:
            kinds[entry["order_id"]][entry["kind"]] += 1
    for hold in world.rows("membership", "hold"):
        found, where = dict(kinds[hold["order_id"]]), f"order {hold['order_id']}"
        if found not in _ENTRIES_OF_HOLD[hold["state"]]:
            yield Violation("V7", f"a hold that is {hold['state']} with entries {found}", where)
        if hold["state"] == "held" and _late(hold, "expires_at"):
            yield Violation("V7", "a hold has outlived its time", where)


def _reservations(world: World) -> Iterator[Violation]:
    """An order is set aside once for each location that had it, and given up by all but the one that ships it."""
    kinds: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for movement in world.rows("inventory", "movement"):
        if movement["order_id"] and movement["kind"] != "returned":
            kinds[movement["order_id"], movement["sku"]][movement["kind"]] += 1
    for row in world.rows("inventory", "reservation"):
        found = kinds[row["order_id"], row["sku"]]
        wanted = Counter({"reserved": found["reserved"], "released": found["reserved"] - (row["state"] != "released")})
        wanted["shipped"] += row["state"] == "shipped"
        if not found["reserved"] or found != wanted:
            what = f"a reservation that is {row['state']} with movements {dict(found)}"
            yield Violation("V7", what, f"order {row['order_id']}, {row['sku']}")


def _agreements(world: World) -> Iterator[Violation]:
    """An agreement goes on when it is time, unless it waits for an order; for each open assessment there is a job."""
    under_way = {h["agreement_id"] for h in world.rows("membership", "hold") if h["state"] in {"held", "waiting"}}
    jobs = {row["agreement_id"]: row for row in world.rows("membership", "job")}
    consulted = set()
    for agreement in world.rows("membership", "agreement"):
        key, state = agreement["agreement_id"], agreement["state"]
        due, where = _DUE_OF_AGREEMENT.get(state), f"agreement {key}"
        waits = due == "grace_ends_at" and key in under_way
        if due and not waits and _late(agreement, due):
            yield Violation("V7", f"an agreement is still {state} after its {due}", where)
        if _late(agreement, "step_due_at"):
            yield Violation("V7", "a dunning step was not taken when it was due", where)
        if state == "consulted":
            consulted.add(key)
            if key not in jobs or _late(jobs[key], "give_up_at"):
                yield Violation("V7", "a member waits for an answer, and there is no job for it", where)
    for row in world.rows("membership", "waiting"):
        if row["agreement_id"] not in consulted:
            yield Violation("V7", "a request waits for an answer that came", f"order {row['order_id']}")


def _coupons(world: World) -> Iterator[Violation]:
    """A coupon is where its order is, and no two orders have it; stocks count what they gave."""
    holds = {row["order_id"]: row for row in world.rows("membership", "hold")}
    users: Counter[str] = Counter()
    for hold in holds.values():
        if hold["coupon_id"] and hold["state"] in {"held", "captured", "expired"}:
            users[hold["coupon_id"]] += 1
    issued: Counter[str] = Counter()
    for coupon in world.rows("membership", "coupon"):
        issued[coupon["stock_id"]] += 1
        where, order = f"coupon {coupon['coupon_id']}", holds.get(coupon["order_id"] or "")
        wanted = {"reserved": {"held", "expired"}, "redeemed": {"captured"}}.get(coupon["state"])
        if wanted and (order is None or order["state"] not in wanted or order["coupon_id"] != coupon["coupon_id"]):
            yield Violation("V7", f"a coupon is {coupon['state']}, and its order is not", where)
        if users[coupon["coupon_id"]] != bool(wanted):
            yield Violation(
                "V7", f"a coupon is {coupon['state']}, and {users[coupon['coupon_id']]} orders have it", where
            )
    for stock in world.rows("membership", "stock"):
        if stock["issued"] != issued[stock["stock_id"]] or stock["issued"] > stock["total"]:
            what = f"counted {stock['issued']} of {counted(stock['total'], 'coupon')}, given out {issued[stock['stock_id']]}"
            yield Violation("V7", what, f"stock {stock['stock_id']}")


def _deductions(world: World) -> Iterator[Violation]:
    """What was taken is booked once, and nothing else is."""
    booked: Counter[str] = Counter()
    entries = {e["entry_id"]: e["reference"] for e in world.rows("membership", "entry") if e["kind"] == "deduction"}
    for posting in world.rows("membership", "posting"):
        if posting["entry_id"] in entries and posting["account"] == "platform:cash":
            booked[entries[posting["entry_id"]]] += posting["amount_minor"]
    for deduction in world.rows("membership", "deduction"):
        expected = deduction["amount_minor"] if deduction["state"] == "succeeded" else 0
        found, where = booked.pop(deduction["deduction_id"], 0), f"deduction {deduction['deduction_id']}"
        if deduction["state"] == "taken":
            yield Violation("V7", "money was taken and is not booked", where)
        elif found != expected:
            yield Violation("V7", f"a deduction that is {deduction['state']} is booked for {found}", where)
    for deduction_id in booked:
        yield Violation("V7", "a deduction is booked that never was", f"deduction {deduction_id}")
