"""The verifier is verified: a clean run has no violation, and every planted one is found under its name."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import pytest_asyncio

from lutong_console import catalogue
from lutong_console.roads import ROADS, Walker
from lutong_console.targets import Suite
from lutong_console.verify.collect import World, collect
from lutong_console.verify.identities import evaluate
from tests.integration.chassis.harness import until

Corrupt = Callable[[World], None]


def where(table: str, **wanted: Any) -> Callable[[World], Any]:  # whatever a column holds
    """The first row of `service.table` whose columns are as wanted."""
    service, _, name = table.partition(".")
    return lambda world: next(row for row in world.rows(service, name) if all(row[k] == v for k, v in wanted.items()))


def change(table: str, column: str, value: Any, **wanted: Any) -> Corrupt:  # noqa: ANN401  # whatever a column holds
    """Set a column; a callable value gets the old one."""

    def corrupt(world: World) -> None:
        row = where(table, **wanted)(world)
        row[column] = value(row[column]) if callable(value) else value

    return corrupt


def drop(table: str, **wanted: Any) -> Corrupt:  # whatever a column holds
    service, _, name = table.partition(".")
    return lambda world: world.tables[service][name].remove(where(table, **wanted)(world))


def double(table: str, **wanted: Any) -> Corrupt:  # whatever a column holds
    service, _, name = table.partition(".")
    return lambda world: world.tables[service][name].append(dict(where(table, **wanted)(world)))


def add(table: str, **row: Any) -> Corrupt:  # whatever a column holds
    service, _, name = table.partition(".")
    return lambda world: world.tables[service][name].append(row)


def record(event_type: str, **changes: Any) -> Corrupt:  # whatever a record holds
    """Change the first record of a type; with `drop=True` lose all its copies."""

    def corrupt(world: World) -> None:
        index = next(i for i, r in enumerate(world.records) if event_type in r.type)
        if changes.get("drop"):
            lost = world.records[index].event_id
            world.records[:] = [r for r in world.records if r.event_id != lost]
        else:
            world.records[index] = dataclasses.replace(world.records[index], **changes)

    return corrupt


def swapped(event_type: str) -> Corrupt:
    """Swap an event with the next of its key."""

    def corrupt(world: World) -> None:
        first, second = next(
            (i, j)
            for i, one in enumerate(world.records)
            if event_type in one.type
            for j, other in enumerate(world.records[i + 1 :], i + 1)
            if (other.topic, other.key) == (one.topic, one.key)
        )
        world.records[first], world.records[second] = world.records[second], world.records[first]

    return corrupt


PARKED = {
    "id": 1,
    "state": "parked",
    "topic": "t",
    "partition": 0,
    "offset": 7,
    "key": b"k",
    "event_id": None,
    "reason": "r",
    "error": "e",
    "value": b"v",
}
POST = "feed.post-published"

CORRUPTIONS: list[tuple[str, str, Corrupt]] = [
    ("V1", "an event never reached its topic", record(POST, drop=True)),
    ("V1", "a topic holds what nobody committed", drop("feed.outbox", type="lutong.feed.post-published.v1")),
    ("V1", "a payload was altered on the way", record("credit-held", value="{}")),
    ("V1", "an event is under another key", record("order-sourced", key="other")),
    ("V1", "a key is in two partitions", record("order-sourced", partition=99)),
    ("V1", "two events of a key changed places", swapped("order-sourced")),
    ("V1", "a version is missing", record("order-advanced", sequence=9)),
    ("V2", "an event was not taken in", drop("membership.inbox", type="lutong.feed.service-requested.v1")),
    ("V2", "an order was not taken in by the feed", drop("feed.inbox", type="lutong.inventory.order-fulfilled.v1")),
    ("V2", "a post was not taken in", drop("registry.inbox", type="lutong.feed.post-published.v1")),
    ("V2", "a hold was not taken in", drop("inventory.inbox", type="lutong.membership.credit-held.v1")),
    ("V2", "something was taken in that was never said", add("feed.inbox", source="/lutong/registry", id="ghost", type="x")),
    ("V2", "a discovery was taken in under another id", change("feed.inbox", "id", "other", type="lutong.registry.service-discovered.v1")),
    ("V3", "a leg is gone", drop("membership.posting")),
    ("V3", "a leg was altered", change("membership.posting", "amount_minor", lambda old: old + 1)),
    ("V3", "an entry has no legs", add("membership.entry", entry_id=10**9, kind="hold", member_id="m", order_id=None, currency="CNY")),
    ("V3", "legs have no entry", drop("membership.entry", kind="capture")),
    ("V3", "a line owes more than the ledger says", change("membership.line", "owed_minor", lambda old: old + 1)),
    ("V3", "a line holds more than the ledger says", change("membership.line", "held_minor", lambda old: old + 1)),
    ("V3", "a limit is not what was granted", change("membership.line", "limit_minor", lambda old: old + 1)),
    ("V4", "more was held than there was", lambda w: scale(w, "hold", 10**6)),
    ("V4", "more was captured than was held", lambda w: scale(w, "capture", 10**6)),
    ("V4", "the line was never opened", lambda w: scale(w, "line_opened", 0)),
    ("V4", "a hold is open that the line does not know", change("membership.hold", "state", "held", state="captured")),
    ("V4", "a line holds for nobody", change("membership.line", "held_minor", 5)),
    ("V5", "goods without capture", change("membership.hold", "state", "released", state="captured")),
    ("V5", "capture without goods", change("inventory.order", "state", "cancelled", state="fulfilled")),
    ("V5", "an order without a hold", drop("membership.hold", state="captured")),
    ("V5", "a hold without an order", drop("inventory.order", state="fulfilled")),
    ("V5", "the amounts differ", change("inventory.order", "amount_minor", 1)),
    ("V5", "the currencies differ", change("inventory.order", "currency", "EUR")),
    ("V5", "the viewer is shown another end", change("feed.request", "status", "cancelled", status="fulfilled")),
    ("V5", "the viewer was shown another amount", change("feed.request", "total_minor", 1, status="fulfilled")),
    ("V6", "goods disappeared from a shelf", change("inventory.shelf", "on_hand", lambda old: old - 1)),
    ("V6", "a shelf holds something back for nobody", change("inventory.shelf", "reserved", lambda old: old + 1)),
    ("V6", "a movement is gone", drop("inventory.movement", kind="shipped")),
    ("V6", "a movement happened twice", double("inventory.movement", kind="shipped")),
    ("V6", "a reservation is open that the shelf does not know", change("inventory.reservation", "state", "open", state="shipped")),
    ("V6", "more was reserved than was there", change("inventory.movement", "reserved_delta", 10**6, kind="reserved")),
    ("V6", "a shelf is gone", lambda w: w.tables["inventory"]["reservation"].append({"order_id": "o", "sku": "x", "location_id": "nowhere", "units": 1, "state": "open"})),
    ("V7", "a hold was captured twice", double("membership.entry", kind="capture")),
    ("V7", "a hold ended without an entry", drop("membership.entry", kind="capture")),
    ("V7", "a hold was captured and released", change("membership.entry", "kind", "release", kind="hold")),
    ("V7", "a reservation was shipped twice", double("inventory.movement", kind="shipped")),
    ("V7", "a reservation was never made", drop("inventory.movement", kind="reserved")),
    ("V7", "a deadline is overdue", change("inventory.deadline", "due_at", lambda old: old.replace(year=2020))),
    ("V9", "the feed shows another version", change("feed.program", "version", 99, program_id="demo-fund")),
    ("V9", "the feed missed a suspension", change("registry.program", "suspended_for", "incident", program_id="demo-fund")),
    ("V9", "the feed does not know a program", drop("feed.program", program_id="demo-fund")),
    ("V9", "a card leads to nowhere", change("feed.card", "program_id", "gone", state="active")),
    ("V9", "uses were counted twice", change("registry.usage", "opened", lambda old: old + 1)),
    ("V9", "a tap was not counted", change("feed.counter", "taps", lambda old: old - 1, taps=1)),
    ("V9", "a fulfilment was not counted", change("feed.counter", "fulfilled", 0, fulfilled=1)),
    ("V10", "a record waits behind nothing", add("feed.parked", **PARKED | {"state": "waiting"})),
    ("V10", "a record waits behind a later one", lambda w: w.tables["feed"]["parked"].extend([PARKED | {"state": "waiting"}, PARKED | {"id": 2}])),
    ("V10", "a redriven record had no effect", add("feed.parked", **PARKED | {"state": "redriven", "event_id": "ghost"})),
    ("V10", "a parked record took effect", lambda w: w.tables["feed"]["parked"].append(PARKED | {"event_id": w.rows("feed", "inbox")[0]["id"]})),
    ("V10", "a waiting record took effect", lambda w: w.tables["registry"]["parked"].extend([PARKED, PARKED | {"id": 2, "state": "waiting", "event_id": w.rows("registry", "inbox")[0]["id"]}])),
    ("V11", "a canary is in a value", record(POST, value='{"text": "canary-1"}')),
    ("V11", "a canary is in a key", record(POST, key="canary-1")),
    ("V11", "a canary is in a header", record(POST, headers="[('x', 'canary-1')]")),
    ("V11", "a canary is in a dead letter", add("feed.parked", **PARKED | {"value": b"canary-1"})),
    ("V11", "a canary is in the error of a dead letter", add("feed.parked", **PARKED | {"error": "canary-1"})),
    ("V11", "a canary is in a saved answer", add("feed.idempotency", key="k", body=b"canary-1")),
]  # fmt: skip


def scale(world: World, kind: str, factor: int) -> None:
    """Multiply all legs of the first entry of a kind: it still balances."""
    entry = where("membership.entry", kind=kind)(world)["entry_id"]
    for posting in world.tables["membership"]["posting"]:
        if posting["entry_id"] == entry and isinstance(posting, dict):
            posting["amount_minor"] *= factor


@pytest_asyncio.fixture
async def world(target: Suite, walkers: dict[str, Walker]) -> World:
    """The suite after its four roads, once nothing moves any more."""
    for road, viewer in zip(ROADS, "abcd", strict=True):
        await road.walk(walkers[viewer])

    async def still() -> World | None:
        one, other = [await collect(target, catalogue.handled_types()) for _ in range(2)]
        quiet = not any(other.rows(service, "pending") for service in other.tables)
        return other if one.digest == other.digest and quiet and not evaluate(other) else None

    found: World = await until(still, "a clean world that stands still")
    return found


async def test_every_planted_corruption_is_found_under_its_name(world: World) -> None:
    assert evaluate(world, ["canary-1"]) == []
    assert len(CORRUPTIONS) >= 60
    missed = []
    for identity, what, corrupt in CORRUPTIONS:
        broken = copy.deepcopy(world)
        corrupt(broken)
        if identity not in {violation.identity for violation in evaluate(broken, ["canary-1"])}:
            missed.append(f"{identity}: {what}")
    assert missed == []


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        ({"kind": "post", "outcome": "ok"}, False),
        ({"kind": "post", "outcome": "refused"}, True),
        ({"kind": "post", "outcome": "unknown"}, False),
        ({"kind": "post", "id": "never", "outcome": "ok"}, True),
        ({"kind": "order", "id": "never", "outcome": "ok"}, True),
        ({"kind": "order", "id": "never", "outcome": "refused"}, False),
        ({"kind": "order", "id": "never", "outcome": "unknown"}, False),
    ],
)
async def test_what_clients_were_told_is_held_against_what_is_there(
    line: dict[str, str], broken: bool, world: World
) -> None:  # a column of the table above
    history = [{"id": world.rows("feed", "card")[0]["post_id"]} | line]
    assert {violation.identity for violation in evaluate(world, history=history)} == ({"V8"} if broken else set())
