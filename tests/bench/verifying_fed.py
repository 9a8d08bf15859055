"""What a look takes by itself: made-up rows of orders are put into it as the reader would, and judged. No Kafka, no PostgreSQL.

    python -m tests.bench.verifying_fed 1000000

Five events an order, as `tests.bench.verifying` has them; prints one line of JSON. For what reading takes see there.
"""

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from lutong_chassis.noticing import partition_of
from lutong_console.verify.identities import IDENTITIES
from lutong_console.verify.world import Record, World
from lutong_contracts import TOPICS
from tests.bench.verifying import EVENTS_PER_ORDER, HANDLED, ORDERS_PER_MEMBER, peak_mb

_NOW: Final = datetime.now(UTC)
_PARTITIONS: Final = {topic.name: topic.partitions for topic in TOPICS}
_PAD: Final = "x" * 300
_ROAD: Final = (
    ("feed", "lutong.feed.engagements", "lutong.feed.service-requested.v1"),
    ("membership", "lutong.membership.holds", "lutong.membership.credit-held.v1"),
    ("membership", "lutong.membership.holds", "lutong.membership.hold-captured.v1"),
    ("inventory", "lutong.inventory.orders", "lutong.inventory.order-sourced.v1"),
    ("inventory", "lutong.inventory.orders", "lutong.inventory.order-fulfilled.v1"),
)
Rows = Iterator[dict[str, Any]]


def main() -> None:
    """Feed a look and judge it."""
    orders = int(sys.argv[1]) // EVENTS_PER_ORDER
    members = max(1, orders // ORDERS_PER_MEMBER)
    world, idle_mb, began = World({name: set(types) for name, types in HANDLED.items()}), peak_mb(), time.perf_counter()
    _feed(world, orders, members)
    fed_s, took, violations = time.perf_counter() - began, {}, 0
    for name, identity in IDENTITIES.items():
        at = time.perf_counter()
        violations += sum(1 for _ in identity(world))
        took[name] = round(time.perf_counter() - at, 1)
    figures = {
        "records": world.records, "rows": world.rows, "violations": violations, "fed_s": round(fed_s),
        "judged_s": round(sum(took.values())), "idle_mb": idle_mb, "peak_mb": peak_mb(), "identities_s": took,
    }  # fmt: skip
    sys.stdout.write(f"{json.dumps(figures)}\n")


def _feed(world: World, orders: int, members: int) -> None:
    for service in ("feed", "membership", "inventory"):
        _in_batches(world, service, "outbox", _outbox(service, orders, members))
    for service, types in HANDLED.items():
        _in_batches(world, service, "inbox", _inbox(types, orders, members))
    records = _records(orders, members)
    while batch := list(islice(records, 5_000)):
        world.add_records(batch)
    order = {"member_id": "", "merchant_id": "s", "currency": "CNY", "amount_minor": 2_000}
    ids = [("customer_order", {"state": "fulfilled", "refunded_minor": 0, "location_id": "l-0"})]
    for table, more in ids:
        _in_batches(world, "inventory", table, (order | more | {"order_id": f"o-{n}"} for n in range(orders)))
    hold = {"state": "captured", "total_minor": 2_000, "discount_minor": 0, "coupon_minor": 0, "captured_minor": 2_000, "benefit_minor": 0}  # fmt: skip
    _in_batches(world, "membership", "hold", (order | hold | {"order_id": f"o-{n}", "member_id": f"m-{n % members}", "read_at": _NOW} for n in range(orders)))  # fmt: skip
    _in_batches(world, "feed", "request", ({"order_id": f"o-{n}", "status": "fulfilled", "total_minor": 2_000} for n in range(orders)))  # fmt: skip
    _in_batches(world, "membership", "accrual", ({"accrual_id": f"order:o-{n}", "kind": "order", "amount_minor": 2_000, "benefit_minor": 0, "order_id": f"o-{n}", "agreement_id": "a"} for n in range(orders)))  # fmt: skip
    _in_batches(world, "membership", "debt", ({"debt_id": f"order:o-{n}", "member_id": f"m-{n % members}", "currency": "CNY", "kind": "order", "amount_minor": 2_000, "outstanding_minor": 2_000} for n in range(orders)))  # fmt: skip
    _in_batches(world, "membership", "line", (_line(m, orders, members) for m in range(members)))
    _in_batches(world, "membership", "entry", _entries(orders, members))
    _in_batches(world, "membership", "posting", _postings(orders, members))
    _in_batches(world, "inventory", "movement", ({"movement_id": n, "location_id": f"l-{n // 2 % 1000}", "sku": "tea", "kind": ("reserved", "shipped")[n % 2], "on_hand_delta": -(n % 2), "reserved_delta": 1 - 2 * (n % 2), "unavailable_delta": 0, "order_id": f"o-{n // 2}"} for n in range(2 * orders)), first=({"movement_id": -1, "location_id": f"l-{n}", "sku": "tea", "kind": "counted", "on_hand_delta": 10**9, "reserved_delta": 0, "unavailable_delta": 0} for n in range(min(1000, orders))))  # fmt: skip
    _in_batches(world, "inventory", "shelf", ({"location_id": f"l-{n}", "sku": "tea", "on_hand": 10**9 - len(range(n, orders, 1000)), "reserved": 0, "unavailable": 0} for n in range(min(1000, orders))))  # fmt: skip
    _in_batches(world, "inventory", "reservation", ({"order_id": f"o-{n}", "sku": "tea", "location_id": f"l-{n % 1000}", "units": 1, "state": "shipped"} for n in range(orders)))  # fmt: skip


def _in_batches(world: World, service: str, table: str, rows: Rows, first: Rows | None = None) -> None:
    for each in (first or iter(()), rows):
        while batch := list(islice(each, 5_000)):
            world.add(service, table, batch)


def _events(orders: int, members: int) -> Rows:
    for n in range(orders):
        for step, (service, topic, event_type) in enumerate(_ROAD):
            of_viewer = service == "feed"
            yield {
                "event_id": f"{n * 7_919 % 1_000_003:07}-{n}-{step}", "topic": topic, "type": event_type,
                "key": f"m-{n % members}" if of_viewer else f"o-{n}", "service": service, "id": n * 5 + step,
                "sequence": n // members + 1 if of_viewer else 2 - step % 2, "written_at": _NOW,
                "payload": f'{{"order_id":"o-{n}","post_id":"p","program_id":"g","pad":"{_PAD}"}}',
                "partition": partition_of((f"m-{n % members}" if of_viewer else f"o-{n}").encode(), _PARTITIONS[topic]),
            }  # fmt: skip


def _outbox(service: str, orders: int, members: int) -> Rows:
    return (event for event in _events(orders, members) if event["service"] == service)


def _inbox(types: list[str], orders: int, members: int) -> Rows:
    for event in _events(orders, members):
        if event["type"] in types:
            yield event | {"source": f"/lutong/{event['service']}", "id": event["event_id"], "offset": event["id"]}


def _records(orders: int, members: int) -> Iterator[Record]:
    for e in _events(orders, members):
        yield Record(
            e["topic"], e["partition"], e["id"], e["key"], e["event_id"], f"/lutong/{e['service']}", e["type"],
            e["sequence"], e["payload"], "[]", _NOW, _NOW,
        )  # fmt: skip


def _line(member: int, orders: int, members: int) -> dict[str, Any]:
    owed = 2_000 * len(range(member, orders, members))
    none = dict.fromkeys(("held_minor", "charged_minor", "uncovered_minor", "credit_minor", "entries"), 0)
    return none | {"member_id": f"m-{member}", "currency": "CNY", "limit_minor": 10**9, "target_minor": 10**9, "owed_minor": owed, "head": bytes(32)}  # fmt: skip


def _entries(orders: int, members: int) -> Rows:
    for m in range(members):
        yield {"entry_id": m, "kind": "line_opened", "member_id": f"m-{m}", "currency": "CNY"}
    for n in range(2 * orders):
        order = n // 2
        yield {"entry_id": members + n, "kind": ("hold", "capture")[n % 2], "member_id": f"m-{order % members}", "currency": "CNY", "order_id": f"o-{order}"}  # fmt: skip


def _postings(orders: int, members: int) -> Rows:
    for m in range(members):
        yield {"entry_id": m, "account": f"available:m-{m}", "amount_minor": 10**9}
        yield {"entry_id": m, "account": "platform:limits", "amount_minor": -(10**9)}
    for n in range(2 * orders):
        member = f"m-{n // 2 % members}"
        for account, amount in ((("available", "held"), ("held", "owed"))[n % 2][0], -2_000), ((("available", "held"), ("held", "owed"))[n % 2][1], 2_000):  # fmt: skip
            yield {"entry_id": members + n, "account": f"{account}:{member}", "amount_minor": amount}


if __name__ == "__main__":
    main()
