"""What may go wrong in a database or on a topic, one thing at a time: a table of corruptions, each under its identity."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lutong_console.verify.collect import World

Corrupt = Callable[[World], None]


LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)
AT_NIGHT: Final = datetime(2099, 1, 1, 19, tzinfo=UTC)
"""Three in the morning in Shanghai."""


def where(table: str, **wanted: Any) -> Callable[[World], Any]:  # whatever a column holds
    """The first row of `service.table` whose columns are as wanted; a callable value says whether they are."""
    service, _, name = table.partition(".")

    def fits(value: object, wish: Any) -> bool:  # noqa: ANN401  # whatever a column holds
        return bool(wish(value)) if callable(wish) else value == wish

    def find(world: World) -> Any:  # noqa: ANN401  # a row
        for row in world.rows(service, name):
            if all(fits(row[column], wish) for column, wish in wanted.items()):
                return row
        raise LookupError(f"the world has no {table} with {wanted}")

    return find


def change(table: str, column: str, value: Any, **wanted: Any) -> Corrupt:  # noqa: ANN401  # whatever a column holds
    """Set a column; a callable value gets the old one."""

    def corrupt(world: World) -> None:
        row = where(table, **wanted)(world)
        row[column] = value(row[column]) if callable(value) else value

    return corrupt


def alter(table: str, changes: dict[str, Any], **wanted: Any) -> Corrupt:  # whatever a column holds
    """Set several columns of a row."""
    return lambda world: where(table, **wanted)(world).update(changes)


def again(table: str, changes: dict[str, Any], **wanted: Any) -> Corrupt:  # whatever a column holds
    """A row once more, with changes."""
    service, _, name = table.partition(".")
    return lambda world: world.tables[service][name].append(dict(where(table, **wanted)(world)) | changes)


def booked_again(kind: str, **changes: Any) -> Corrupt:  # whatever a column holds
    """An entry once more, with its legs and without a place in its chain."""

    def corrupt(world: World) -> None:
        entry = where("membership.entry", kind=kind)(world)
        legs = [dict(leg) for leg in world.rows("membership", "posting") if leg["entry_id"] == entry["entry_id"]]
        anew = {"entry_id": 10**9, "number": None, "hash": None, "previous_hash": None}
        world.tables["membership"]["entry"].append(dict(entry) | anew | changes)
        world.tables["membership"]["posting"].extend(leg | {"entry_id": 10**9} for leg in legs)

    return corrupt


def unbooked(kind: str) -> Corrupt:
    """An entry and its legs are gone."""

    def corrupt(world: World) -> None:
        entry = where("membership.entry", kind=kind)(world)
        world.tables["membership"]["entry"].remove(entry)
        legs = world.tables["membership"]["posting"]
        legs[:] = [leg for leg in legs if leg["entry_id"] != entry["entry_id"]]

    return corrupt


def several(*corruptions: Corrupt) -> Corrupt:
    """One after the other."""

    def corrupt(world: World) -> None:
        for one in corruptions:
            one(world)

    return corrupt


def renumbered(world: World) -> None:
    """Two entries of a chain change places."""
    first = where("membership.entry", kind="line_opened")(world)
    second = where("membership.entry", number=2, member_id=first["member_id"])(world)
    first["number"], second["number"] = 2, 1


def charged_first(world: World) -> None:
    """A charge stands before the holds, and is large."""
    scale(world, "charge", 10**6)
    entries = world.tables["membership"]["entry"]
    charge = where("membership.entry", kind="charge")(world)
    opened = where("membership.entry", kind="line_opened", member_id=charge["member_id"])(world)
    entries.remove(charge)
    entries.insert(entries.index(opened) + 1, charge)


def referred_twice(world: World) -> None:
    """Two repayments name one line of a statement."""
    first, second = [row for row in world.rows("membership", "repayment") if row["evidence"] == "bank"][:2]
    second["reference"] = first["reference"]  # type: ignore[index]  # a row of this copy of the world


def confirmed_by_asker(world: World) -> None:
    """Who claimed to have paid says that it is so."""
    row = where("membership.repayment", state="confirmed", claimed_by=lambda who: who != "bank")(world)
    row["decided_by"] = row["claimed_by"]


def approved_by_proposer(world: World) -> None:
    """One person is both pairs of eyes."""
    decision = where("membership.decision", approved_by=bool)(world)
    decision["approved_by"] = decision["decided_by"]
    where("membership.proposal", proposal_id=decision["decision_id"])(world)["decided_by"] = decision["decided_by"]


def terms_differ(old: str, new: str) -> Corrupt:
    """A version of a plan has other terms than what was signed."""
    return change("membership.plan", "terms", lambda terms: terms.replace(old, new), terms=lambda terms: old in terms)


def unpublished(world: World) -> None:
    """What was published of one row of the audit is nowhere any more."""
    row = where("membership.audit", id=lambda number: number > 1)(world)
    mine = f'"audit_id":{row["id"]},'
    outbox = world.tables["membership"]["outbox"]
    outbox[:] = [event for event in outbox if mine not in event["payload"]]
    topic = "lutong.membership.audit"
    world.records[:] = [record for record in world.records if record.topic != topic or mine not in record.value]


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


def neighbours(world: World, event_type: str) -> tuple[int, int]:
    """Where the first event of a type is that another event of its key follows, and where that one is."""
    return next(
        (i, j)
        for i, one in enumerate(world.records)
        if event_type in one.type
        for j, other in enumerate(world.records[i + 1 :], i + 1)
        if (other.topic, other.key) == (one.topic, one.key) and other.event_id != one.event_id
    )


def swapped(event_type: str) -> Corrupt:
    """Swap an event with the next of its key."""

    def corrupt(world: World) -> None:
        first, second = neighbours(world, event_type)
        world.records[first], world.records[second] = world.records[second], world.records[first]

    return corrupt


def parted(event_type: str) -> Corrupt:
    """Move an event to another partition than the next of its key."""

    def corrupt(world: World) -> None:
        first, _ = neighbours(world, event_type)
        world.records[first] = dataclasses.replace(world.records[first], partition=99)

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
    ("V1", "a key is in two partitions", parted("order-sourced")),
    ("V1", "two events of a key changed places", swapped("order-sourced")),
    ("V1", "a version is missing", record("order-advanced", sequence=9)),
    ("V2", "an event was not taken in", drop("membership.inbox", type="lutong.feed.service-requested.v1")),
    ("V2", "an order was not taken in by the feed", drop("feed.inbox", type="lutong.inventory.order-fulfilled.v1")),
    ("V2", "a post was not taken in", drop("registry.inbox", type="lutong.feed.post-published.v1")),
    ("V2", "a hold was not taken in", drop("inventory.inbox", type="lutong.membership.credit-held.v1")),
    ("V2", "something was taken in that was never said", add("feed.inbox", source="/lutong/registry", id="ghost", offset=0, type="x")),
    ("V2", "a discovery was taken in under another id", change("feed.inbox", "id", "other", type="lutong.registry.service-discovered.v1")),
    ("V3", "a leg is gone", drop("membership.posting")),
    ("V3", "a leg was altered", change("membership.posting", "amount_minor", lambda old: old + 1)),
    ("V3", "an entry has no legs", again("membership.entry", {"entry_id": 10**9, "number": None}, kind="capture")),
    ("V3", "legs have no entry", drop("membership.entry", kind="capture")),
    ("V3", "a line owes more than the ledger says", change("membership.line", "owed_minor", lambda old: old + 1)),
    ("V3", "a line holds more than the ledger says", change("membership.line", "held_minor", lambda old: old + 1)),
    ("V3", "a limit is not what was granted", change("membership.line", "limit_minor", lambda old: old + 1)),
    ("V3", "an entry was rewritten", change("membership.entry", "at", lambda old: old + timedelta(seconds=1), kind="benefit_accrued")),
    ("V3", "an entry is about another debt", change("membership.entry", "debt_id", "other", kind="repayment")),
    ("V3", "two entries changed places", renumbered),
    ("V3", "an entry was taken out with its legs", unbooked("benefit_accrued")),
    ("V3", "an entry was pushed in behind the chain", booked_again("benefit_accrued")),
    ("V3", "a hash was written anew", change("membership.entry", "hash", bytes(32), kind="capture")),
    ("V3", "an entry follows another one", change("membership.entry", "previous_hash", bytes(32), kind="capture")),
    ("V3", "a line forgot the end of its chain", change("membership.line", "head", bytes(32))),
    ("V3", "a line counts more entries than there are", change("membership.line", "entries", lambda old: old + 1)),
    ("V3", "a line is charged more than the ledger says", change("membership.line", "charged_minor", lambda old: old + 1)),
    ("V3", "a line is owed more than the ledger says", change("membership.line", "credit_minor", lambda old: old + 1)),
    ("V4", "more was held than there was", lambda w: scale(w, "hold", 10**6)),
    ("V4", "more was captured than was held", lambda w: scale(w, "capture", 10**6)),
    ("V4", "the line was never opened", lambda w: scale(w, "line_opened", 0)),
    ("V4", "a hold is open that the line does not know", change("membership.hold", "state", "held", state="captured")),
    ("V4", "a line holds for nobody", change("membership.line", "held_minor", 5)),
    ("V4", "a limit is above its target", change("membership.line", "target_minor", lambda old: old - 1, target_minor=100_000)),
    ("V4", "a lowered line did not follow", change("membership.line", "limit_minor", lambda old: old + 1, target_minor=2_000)),
    ("V4", "a limit is below its target", change("membership.line", "target_minor", 10**9)),
    ("V4", "a debt was forgotten", change("membership.debt", "outstanding_minor", 0, outstanding_minor=lambda old: old > 0)),
    ("V4", "a debt is gone", drop("membership.debt", kind="order", outstanding_minor=lambda old: old > 0)),
    ("V4", "a charge that was paid is owed again", change("membership.debt", "outstanding_minor", 1, kind="charge")),
    ("V4", "goods are uncovered that nobody owes", change("membership.line", "uncovered_minor", 5)),
    ("V4", "a hold was placed beside a charge that left no room", charged_first),
    ("V5", "goods without capture", change("membership.hold", "state", "released", state="captured")),
    ("V5", "capture without goods", change("inventory.order", "state", "cancelled", state="fulfilled")),
    ("V5", "an order without a hold", drop("membership.hold", state="captured")),
    ("V5", "a hold without an order", drop("inventory.order", state="fulfilled")),
    ("V5", "the amounts differ", change("inventory.order", "amount_minor", 1)),
    ("V5", "the currencies differ", change("inventory.order", "currency", "EUR")),
    ("V5", "the viewer is shown another end", change("feed.request", "status", "cancelled", status="fulfilled")),
    ("V5", "the viewer was shown another amount", change("feed.request", "total_minor", 1, status="fulfilled")),
    ("V5", "an order was captured for less", change("membership.hold", "captured_minor", lambda old: old - 1, state="captured")),
    ("V5", "a discount is not in the price", change("membership.hold", "discount_minor", 0, discount_minor=300)),
    ("V5", "a coupon is not in the price", change("membership.hold", "coupon_minor", 0, coupon_minor=500)),
    ("V5", "a refund was booked that nobody made", change("inventory.order", "refunded_minor", 0, refunded_minor=1_000)),
    ("V5", "a refund was not booked", change("inventory.order", "refunded_minor", 5, refunded_minor=0)),
    ("V5", "a refund was counted back twice", again("membership.accrual", {"accrual_id": "refund:other"}, kind="refund")),
    ("V5", "a refund was not counted back", drop("membership.accrual", kind="refund")),
    ("V5", "a refund was booked back twice", lambda w: scale(w, "refund", 2)),
    ("V5", "a refund was not booked back", unbooked("refund")),
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
    ("V7", "a hold outlived its time", several(again("membership.hold", {"order_id": "o", "state": "held", "expires_at": LONG_AGO}, state="captured"), booked_again("hold", order_id="o"))),
    ("V7", "a term ended and nobody judged", change("membership.agreement", "ends_at", LONG_AGO, state="active")),
    ("V7", "an agreement was not settled in time", alter("membership.agreement", {"state": "unfulfilled", "settle_at": LONG_AGO}, state="settled")),
    ("V7", "an agreement was not closed in time", change("membership.agreement", "grace_ends_at", LONG_AGO, state="settled")),
    ("V7", "nobody looked at a ladder", change("membership.agreement", "step_due_at", LONG_AGO)),
    ("V7", "nobody asks about a newcomer", change("membership.agreement", "state", "consulted", state="declined")),
    ("V7", "a request waits for an answer that came", lambda w: w.tables["membership"]["waiting"].append({"order_id": "o", "agreement_id": w.rows("membership", "agreement")[0]["agreement_id"]})),
    ("V7", "a coupon that was redeemed can be used again", change("membership.coupon", "state", "issued", state="redeemed")),
    ("V7", "a coupon was redeemed for nothing", change("membership.coupon", "order_id", "ghost", state="redeemed")),
    ("V7", "two orders have one coupon", lambda w: where("membership.hold", state="captured", coupon_id=None)(w).update(coupon_id=where("membership.coupon")(w)["coupon_id"])),
    ("V7", "a coupon was given out of nothing", again("membership.coupon", {"coupon_id": "other", "state": "issued", "order_id": None})),
    ("V7", "a stock counts what it did not give", change("membership.stock", "issued", lambda old: old + 1)),
    ("V7", "a deduction was booked twice", booked_again("deduction")),
    ("V7", "a deduction was not booked", unbooked("deduction")),
    ("V7", "a deduction was taken and left lying", change("membership.deduction", "state", "taken")),
    ("V7", "a deduction that failed is booked", change("membership.deduction", "state", "failed")),
    ("V7", "a deduction is booked that never was", drop("membership.deduction")),
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
    ("V12", "a member was charged more", change("membership.agreement", "charge_minor", lambda old: old + 1, state="settled")),
    ("V12", "a member was charged less", change("membership.agreement", "charge_minor", lambda old: old - 1, state="settled")),
    ("V12", "more was enjoyed than is charged", change("membership.accrual", "benefit_minor", lambda old: old + 1, kind="order", benefit_minor=300)),
    ("V12", "goods were captured that do not count", drop("membership.accrual", kind="order")),
    ("V12", "a debt is not what was captured", change("membership.debt", "amount_minor", lambda old: old + 1, kind="order")),
    ("V12", "a cap was lowered and not kept", terms_differ('"cap_minor":5000', '"cap_minor":1')),
    ("V12", "who fulfilled was charged", terms_differ('"times":9', '"times":1')),
    ("V12", "small charges are exempt, and this was not", terms_differ('"exempt_minor":0', '"exempt_minor":5000')),
    ("V12", "the terms that were signed are gone", drop("membership.plan", terms=lambda terms: '"times":9' in terms)),
    ("V12", "the ledger charged another amount", lambda w: scale(w, "charge", 2)),
    ("V12", "something enjoyed is neither charged nor forgiven", lambda w: scale(w, "benefit_accrued", 2)),
    ("V12", "a charge was booked that nobody decided", change("membership.agreement", "charge_minor", None, state="settled")),
    ("V12", "another amount was taken than was notified", change("membership.deduction", "amount_minor", lambda old: old + 1)),
    ("V12", "money was taken without a notice", drop("membership.outbox", type="lutong.membership.deduction-notified.v1")),
    ("V12", "money was taken before the notice was over", change("membership.deduction", "sent_at", LONG_AGO)),
    ("V12", "money was taken outside of its window", alter("membership.deduction", {"notified_at": LONG_AGO, "sent_at": AT_NIGHT})),
    ("V12", "money was taken, and nobody sent for it", change("membership.deduction", "sent_at", None)),
    ("V13", "a repayment was booked without evidence", change("membership.repayment", "state", "claimed", state="confirmed")),
    ("V13", "a repayment that was booked is gone", drop("membership.repayment", state="confirmed")),
    ("V13", "more was booked than came", change("membership.repayment", "amount_minor", lambda old: old - 1, state="confirmed")),
    ("V13", "another member paid", change("membership.repayment", "member_id", "other", state="confirmed")),
    ("V13", "another currency came", change("membership.repayment", "currency", "JPY", state="confirmed")),
    ("V13", "the money is somewhere else", change("membership.repayment", "evidence", "provider", evidence="bank")),
    ("V13", "a repayment was booked twice", booked_again("repayment")),
    ("V13", "what was too much was not booked", unbooked("overpayment")),
    ("V13", "one reference paid twice", referred_twice),
    ("V13", "who asked to pay confirmed it", confirmed_by_asker),
    ("V13", "a deduction was booked for more than was taken", change("membership.deduction", "amount_minor", lambda old: old - 1)),
    ("V13", "cash moved for no reason", change("membership.entry", "kind", "offset", kind="payout")),
    ("V13", "nobody decided on a payout", drop("membership.decision", kind="payout")),
    ("V13", "more was paid out than was decided", lambda w: scale(w, "payout", 2)),
    ("V13", "nobody decided on a waiver", drop("membership.decision", kind="waiver")),
    ("V13", "one decided on what needs two", change("membership.decision", "approved_by", None, kind="payout", approved_by=bool)),
    ("V13", "slices passed the sum of a member", change("membership.decision", "member_limit_minor", 1, kind="payout", approved_by=None)),
    ("V13", "slices passed the sum of an operator", change("membership.decision", "operator_limit_minor", 1, kind="payout", approved_by=None)),
    ("V13", "what was done had been rejected", change("membership.proposal", "state", "rejected", state="approved")),
    ("V13", "who proposed it approved it", approved_by_proposer),
    ("V13", "a line was raised that nobody decided on", drop("membership.decision", kind="line", approved_by=bool)),
    ("V14", "a row of the audit was altered", change("membership.audit", "reason", "another")),
    ("V14", "another principal is named in the audit", change("membership.audit", "actor", "mallory")),
    ("V14", "another subject is named in the audit", change("registry.audit", "subject", "program:other")),
    ("V14", "a row of the audit is gone", drop("feed.audit")),
    ("V14", "a row of the audit was never published", unpublished),
    ("V14", "a row of the audit was published twice", again("feed.outbox", {"event_id": "twice"}, type="lutong.feed.action-audited.v1")),
    ("V14", "a field that changed is not in the event", change("registry.audit", "after", '{"other": 1}', action="program.onboard")),
]  # fmt: skip


def scale(world: World, kind: str, factor: int) -> None:
    """Multiply all legs of the first entry of a kind: it still balances."""
    entry = where("membership.entry", kind=kind)(world)["entry_id"]
    for posting in world.tables["membership"]["posting"]:
        if posting["entry_id"] == entry and isinstance(posting, dict):
            posting["amount_minor"] *= factor
