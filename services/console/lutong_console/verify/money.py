"""Money: V3 the ledger balances, V4 credit stays within limits at every step, V5 goods and money agree."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from lutong_console.verify.collect import Row, World
from lutong_console.verify.violation import Violation


def ledger_balances(world: World) -> Iterator[Violation]:
    """V3: every entry balances and has two legs; the lines are what the ledger says."""
    postings: dict[int, list[Row]] = defaultdict(list)
    for posting in world.rows("membership", "posting"):
        postings[posting["entry_id"]].append(posting)
    entries = {row["entry_id"]: row for row in world.rows("membership", "entry")}
    balances: Counter[tuple[str, str]] = Counter()
    for entry_id, entry in entries.items():
        legs = postings.get(entry_id, [])
        if len(legs) < 2 or sum(leg["amount_minor"] for leg in legs):
            yield Violation(
                "V3", "an entry does not balance", f"entry {entry_id} ({entry['kind']}, order {entry['order_id']})"
            )
        for leg in legs:
            balances[leg["account"], entry["currency"]] += leg["amount_minor"]
    for entry_id in sorted(postings.keys() - entries.keys()):
        yield Violation("V3", "postings without an entry", f"entry {entry_id}")
    for line in world.rows("membership", "line"):
        member, currency = line["member_id"], line["currency"]
        folded = tuple(balances[f"{name}:{member}", currency] for name in ("held", "owed", "available"))
        columns = (
            line["held_minor"],
            line["owed_minor"],
            line["limit_minor"] - line["held_minor"] - line["owed_minor"],
        )
        if folded != columns:
            yield Violation("V3", f"the line says {columns}, the ledger {folded}", f"member {member}, {currency}")


def credit_stays_in_limits(world: World) -> Iterator[Violation]:
    """V4: at every step of the ledger, nothing is negative and a member uses at most the limit."""
    legs: dict[int, dict[str, int]] = defaultdict(dict)
    for posting in world.rows("membership", "posting"):
        legs[posting["entry_id"]][posting["account"]] = posting["amount_minor"]
    running: Counter[tuple[str, str]] = Counter()
    broken: set[str] = set()
    for entry in world.rows("membership", "entry"):
        member = entry["member_id"]
        for name in ("available", "held", "owed"):
            account = (f"{name}:{member}", entry["currency"])
            running[account] += legs[entry["entry_id"]].get(account[0], 0)
            if running[account] < 0 and member not in broken:
                broken.add(member)
                where = f"member {member} after entry {entry['entry_id']} (order {entry['order_id']})"
                yield Violation("V4", f"{name} is below zero", where)
    yield from _open_holds(world)


def _open_holds(world: World) -> Iterator[Violation]:
    """What a line says is held is the sum of its open holds."""
    held: Counter[tuple[str, str]] = Counter()
    for hold in world.rows("membership", "hold"):
        if hold["state"] == "held":
            held[hold["member_id"], hold["currency"]] += hold["amount_minor"]
    for line in world.rows("membership", "line"):
        if held[line["member_id"], line["currency"]] != line["held_minor"]:
            where = f"member {line['member_id']}, {line['currency']}"
            yield Violation("V4", "what is held is not the sum of open holds", where)


_HOLD_OF_ORDER: Final = {"fulfilled": "captured", "rejected": "released", "cancelled": "released"}


def orders_conserve(world: World) -> Iterator[Violation]:
    """V5: goods and money agree: fulfilled is captured for the same amount, ended without goods is released."""
    holds = {row["order_id"]: row for row in world.rows("membership", "hold")}
    orders = {row["order_id"]: row for row in world.rows("inventory", "order")}
    for order_id, order in orders.items():
        hold = holds.get(order_id)
        wanted = _HOLD_OF_ORDER.get(order["state"], "held")
        if hold is None or hold["state"] != wanted:
            found = hold["state"] if hold else "missing"
            yield Violation("V5", f"the order is {order['state']}, its hold {found}", f"order {order_id}")
        elif (hold["amount_minor"], hold["currency"]) != (order["amount_minor"], order["currency"]):
            yield Violation("V5", "the order and its hold differ in amount", f"order {order_id}")
    for order_id, hold in holds.items():
        if hold["state"] in {"held", "captured", "released"} and order_id not in orders:
            yield Violation("V5", f"a hold is {hold['state']}, but there is no order", f"order {order_id}")
    yield from _requests(world, orders, holds)


def _requests(world: World, orders: dict[str, Row], holds: dict[str, Row]) -> Iterator[Violation]:
    """What the viewer is shown is what happened."""
    declined = {order_id for order_id, hold in holds.items() if hold["state"] in {"declined", "cancelled"}}
    in_progress = {"accepted", "picked", "ready_for_pickup", "handed_over"}
    for request in world.rows("feed", "request"):
        order = orders.get(request["order_id"])
        state = order["state"] if order else "declined" if request["order_id"] in declined else "requested"
        shown = "sourced" if state in in_progress else state
        if request["status"] != shown:
            yield Violation(
                "V5", f"the viewer is shown {request['status']}, the order is {state}", f"order {request['order_id']}"
            )
        elif (hold := holds.get(request["order_id"])) and request["total_minor"] != hold["total_minor"] and order:
            yield Violation("V5", "the viewer was shown another amount", f"order {request['order_id']}")
