"""make chaos: the whole suite under load while everything dies; then heal, wait, verify.

A run that did not reach the rare states is invalid: it would prove nothing.
"""

import argparse
import asyncio
import json
import logging
import random
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from lutong_console.targets import Suite
from lutong_local.processes import Child, stop
from lutong_local.stack import Stack, down, up
from tests.chaos.arrivals import PLACED, share_placed
from tests.chaos.faults import Faults
from tests.chaos.healing import (
    Verdict,
    all_ready,
    background,
    judge,
    operate,
    report,
    until_drained,
    until_it_holds,
)
from tests.chaos.trouble import prepare
from tests.chaos.world import TERMS, bank, build_and_wait, is_settled, through_proxy, wire
from tests.support.looks import Look

_TERMS: dict[str, Any] = TERMS | {
    "period": {"kind": "relative", "days": 60},
    "no_show": "keep",
    "no_show_fee_minor": 100,
}
"""A term lasts longer than an order takes on a slow machine: what comes behind its end is charged nothing."""
_WANTED = {
    "duplicates": 100,
    "compensations": 50,
    "rebalances": 10,
    "parked": 10,
    "redriven": 10,
    "lapse races": 20,
    "terminated": 10,
    "read-only": 1,
    "refunds": 30,
    "settlements": 15,
    "deductions": 15,
    "coupons": 1,
    "quits": 5,
    "declines": 60,
    "split orders": 20,
    "split when lost": 10,
    "short picks": 10,
    "fees of no-shows": 10,
    "sales at a till": 30,
    "orders to an address": 30,
    "broken promises": 5,
    "slots raced for": 20,
    "slots booked": 10,
    "slots withdrawn": 5,
    "stores closed": 1,
    "timelines made": 20,
    "follows moved": 30,
    "tiers changed": 1,
    "posts copied": 100,
}
"""How often a run of 60 kills must have seen each rare state. One that did not proves nothing, and is invalid.

What is drawn (17 times all connections of a service are ended, 8 times a database takes no writes) is wanted less often than any seed draws it.
"""


async def chaos(options: argparse.Namespace, stack: Stack, proxy: Child) -> bool:
    """One run; gives whether it was valid and clean."""
    async with Suite.of(stack).client(20) as client:
        post_id = await build_and_wait(client, stack, options.orders, _TERMS)
        await prepare(client, stack, options.orders)
        duration_s = options.minutes * 60
        rate = options.orders / duration_s
        load = background(stack, "load", stack.directory, post_id, options.orders, rate, options.seed)
        faults = Faults(stack, proxy, random.Random(options.seed))
        operator = asyncio.create_task(operate(client, stack))

        def progress() -> float:
            return share_placed(stack.directory / PLACED, options.orders) if load.alive else 1.0

        await faults.run(options.kills, duration_s, progress)
        operator.cancel()
        with suppress(asyncio.CancelledError):
            await operator  # what broke it, if anything did, is a failure of the run
        report(f"faults: {dict(faults.done)}")
        await until_it_holds(lambda: all_ready(stack), "everything is ready again")
        redriven = await until_drained(client, stack, lambda: load.alive)
        report(f"load ended; {redriven} redriven; waiting until every order has ended")
        await until_it_holds(lambda: is_settled(client, stack), "every order has ended")
        history = [json.loads(line) for line in (stack.directory / "history.ndjson").read_text().splitlines()]
        verdict = await judge(stack, history)
    return _report(options, faults, verdict, len(history))


def _report(options: argparse.Namespace, faults: Faults, verdict: Verdict, orders: int) -> bool:
    world, violations = verdict
    reached = _rare_states(faults, world)
    share = min(1.0, options.kills / 60)  # a shorter run must reach its share
    missed = [
        f"{name} {reached[name]} < {round(least * share)}"
        for name, least in _WANTED.items()
        if reached[name] < round(least * share)
    ]
    for violation in violations[:20]:
        report(f"{violation.identity} {violation.what}: {violation.witness}")
    report(f"reached: {dict(reached)}; orders: {dict(Counter(row['status'] for row in world.rows('feed', 'request')))}")
    lost = sum(v.identity in {"V1", "V2", "V8"} for v in violations)
    doubled = sum(v.identity in {"V4", "V6", "V7"} for v in violations)
    validity, kills = f"invalid ({', '.join(missed)})" if missed else "valid", faults.done["kills"]
    sys.stdout.write(
        f"chaos: {validity}, {lost} lost, {doubled} doubled, {len(violations)} violations, {kills} kills, {orders} orders\n"
    )
    return not missed and not violations


def _rare_states(faults: Faults, world: Look) -> Counter[str]:
    ids = Counter((record.source, record.event_id) for record in world.records if record.event_id)
    states = Counter(row["state"] for service in world.tables for row in world.rows(service, "parked"))
    names = Counter(record.type.split(".")[2] for record in world.records if record.type.count(".") == 3)
    accepted, lapsed = (
        {
            row["key"]: row["written_at"]
            for row in world.rows("inventory", "outbox")
            if word in row["payload"] + row["type"]
        }
        for word in ('"step":"accepted"', "acceptance-lapsed")
    )
    parts = {row["part_of"] for row in world.rows("inventory", "customer_order") if row["part_of"]}
    whole = {
        row["key"]
        for row in world.rows("inventory", "outbox")
        if row["type"].endswith("order-sourced.v1") and not json.loads(row["payload"]).get("fulfilment_id")
    }
    short = [row for row in world.rows("inventory", "outbox") if '"reason":"short"' in row["payload"]]
    close = [key for key in accepted.keys() & lapsed.keys() if abs((accepted[key] - lapsed[key]).total_seconds()) < 2]
    return Counter(
        {
            "duplicates": sum(count - 1 for count in ids.values()),
            "compensations": names["hold-released"],
            "refunds": names["refund-booked"],
            "settlements": names["agreement-charged"],
            "deductions": names["deduction-succeeded"],
            "coupons": names["coupon-redeemed"],
            "quits": names["agreement-quit"],
            "declines": names["location-declined"],
            "split orders": len(parts),
            "split when lost": len(parts & whole),
            "short picks": names["part-cancelled"],
            "fees of no-shows": names["no-show-charged"],
            "sales at a till": sum(row["reason"] == "till" for row in world.rows("inventory", "sales_entry")),
            "orders to an address": len(
                {r.key for r in world.records if r.type.endswith("credit-held.v1") and '"address_id":"' in r.value}
            ),
            "broken promises": sum(row["type"].endswith("location-declined.v1") for row in short),
            "slots raced for": len({record.key for record in world.records if record.type.endswith("slot-held.v1")}),
            "slots booked": names["slot-booked"],
            "slots withdrawn": names["slot-withdrawn"],
            "stores closed": names["location-closed"],
            "timelines made": len(world.rows("feed", "timeline_reader")),
            "follows moved": names["follow-moved"],
            "tiers changed": len({record.event_id for record in world.records if "tier-changed" in record.type}),
            "posts copied": len(world.rows("feed", "timeline_entry")),
            "rebalances": faults.done["rebalances"],
            "terminated": faults.done["terminated"],
            "read-only": faults.done["read-only"],
            "parked": sum(states.values()),
            "redriven": states["redriven"] + states["discarded"],
            "lapse races": len(close),
        }
    )


def main() -> None:
    """Run chaos on a stack of its own."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--orders", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=4.0, help="time over which orders and kills are spread")
    parser.add_argument("--keep", action="store_true", help="leave the stack's directory, as a run that fails does")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that Kafka is away at times is the point
    directory = Path(tempfile.mkdtemp(prefix="lutong-chaos-"))
    report(f"seed {options.seed}: {options.kills} kills, {options.orders} orders, in {directory}")
    stack, ports = wire(directory)
    proxy = background(stack, "proxy", *ports)
    lender = bank(stack)
    clean = False
    try:
        stack = up(directory, lambda _: None, dies_with_parent=True, environment_of=through_proxy)
        clean = asyncio.run(chaos(options, stack, proxy))
    finally:
        down(stack, lambda _: None, purge=clean and not options.keep)
        stop(proxy)
        stop(lender)
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main()
