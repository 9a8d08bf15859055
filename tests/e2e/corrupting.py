"""How one thing goes wrong in a database or on a topic: each function gives, or is, a corruption of a world."""

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from lutong_console.verify.world import Record
from tests.support.looks import Look

Corrupt = Callable[[Look], None]


def where(table: str, **wanted: Any) -> Callable[[Look], Any]:  # whatever a column holds
    """The first row of `service.table` whose columns are as wanted; a callable value says whether they are."""
    service, _, name = table.partition(".")

    def fits(value: object, wish: Any) -> bool:  # noqa: ANN401  # whatever a column holds
        return bool(wish(value)) if callable(wish) else value == wish

    def find(world: Look) -> Any:  # noqa: ANN401  # a row
        for row in world.rows(service, name):
            if all(fits(row[column], wish) for column, wish in wanted.items()):
                return row
        raise LookupError(f"the world has no {table} with {wanted}")

    return find


def change(table: str, column: str, value: Any, **wanted: Any) -> Corrupt:  # noqa: ANN401  # whatever a column holds
    """Set a column; a callable value gets the old one."""

    def corrupt(world: Look) -> None:
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

    def corrupt(world: Look) -> None:
        entry = where("membership.entry", kind=kind)(world)
        legs = [dict(leg) for leg in world.rows("membership", "posting") if leg["entry_id"] == entry["entry_id"]]
        anew = {"entry_id": 10**9, "number": None, "hash": None, "previous_hash": None}
        world.tables["membership"]["entry"].append(dict(entry) | anew | changes)
        world.tables["membership"]["posting"].extend(leg | {"entry_id": 10**9} for leg in legs)

    return corrupt


def unbooked(kind: str) -> Corrupt:
    """An entry and its legs are gone."""

    def corrupt(world: Look) -> None:
        entry = where("membership.entry", kind=kind)(world)
        world.tables["membership"]["entry"].remove(entry)
        legs = world.tables["membership"]["posting"]
        legs[:] = [leg for leg in legs if leg["entry_id"] != entry["entry_id"]]

    return corrupt


def several(*corruptions: Corrupt) -> Corrupt:
    """One after the other."""

    def corrupt(world: Look) -> None:
        for one in corruptions:
            one(world)

    return corrupt


def renumbered(world: Look) -> None:
    """Two entries of a chain change places."""
    first = where("membership.entry", kind="line_opened")(world)
    second = where("membership.entry", number=2, member_id=first["member_id"])(world)
    first["number"], second["number"] = 2, 1


def charged_first(world: Look) -> None:
    """A charge stands before the holds, and is large."""
    scale(world, "charge", 10**6)
    entries = world.tables["membership"]["entry"]
    charge = where("membership.entry", kind="charge")(world)
    opened = where("membership.entry", kind="line_opened", member_id=charge["member_id"])(world)
    entries.remove(charge)
    entries.insert(entries.index(opened) + 1, charge)


def referred_twice(world: Look) -> None:
    """Two repayments name one line of a statement."""
    first, second = [row for row in world.rows("membership", "repayment") if row["evidence"] == "bank"][:2]
    second["reference"] = first["reference"]


def confirmed_by_asker(world: Look) -> None:
    """Who claimed to have paid says that it is so."""
    row = where("membership.repayment", state="confirmed", claimed_by=lambda who: who != "bank")(world)
    row["decided_by"] = row["claimed_by"]


def approved_by_proposer(world: Look) -> None:
    """One person is both pairs of eyes."""
    decision = where("membership.decision", approved_by=bool)(world)
    decision["approved_by"] = decision["decided_by"]
    where("membership.proposal", proposal_id=decision["decision_id"])(world)["decided_by"] = decision["decided_by"]


def terms_differ(old: str, new: str) -> Corrupt:
    """A version of a plan has other terms than what was signed."""
    return change("membership.plan", "terms", lambda terms: terms.replace(old, new), terms=lambda terms: old in terms)


def unpublished(world: Look) -> None:
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

    def corrupt(world: Look) -> None:
        index = next(i for i, r in enumerate(world.records) if event_type in r.type)
        if changes.get("drop"):
            lost = world.records[index].event_id
            world.records[:] = [r for r in world.records if r.event_id != lost]
        else:
            world.records[index] = dataclasses.replace(world.records[index], **changes)

    return corrupt


def neighbours(world: Look, event_type: str) -> tuple[int, int]:
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

    def corrupt(world: Look) -> None:
        first, second = neighbours(world, event_type)
        one, other = world.records[first], world.records[second]
        world.records[first] = dataclasses.replace(other, offset=one.offset)
        world.records[second] = dataclasses.replace(one, offset=other.offset)

    return corrupt


def parted(event_type: str) -> Corrupt:
    """Move an event to another partition than the next of its key."""

    def corrupt(world: Look) -> None:
        first, _ = neighbours(world, event_type)
        world.records[first] = dataclasses.replace(world.records[first], partition=99)

    return corrupt


def deleted(
    *,
    is_readable: bool = False,
    state: str = "unavailable",
    leads_to: str | None = None,
    times: int = 1,
    stands: bool = False,
) -> Corrupt:
    """A post that was deleted, with its card, its discovery and its event; as it should be, unless something differs."""

    def corrupt(world: Look) -> None:
        post_id = "deleted-1"
        feed, registry = world.tables["feed"], world.tables["registry"]
        feed["post"].append({"post_id": post_id, "is_deleted": not stands, "is_readable": is_readable})
        feed["card"].append({"post_id": post_id, "state": state, "program_id": None, "reason": "deleted"})
        registry["discovery"].append({"post_id": post_id, "program_id": leads_to, "reason": "deleted"})
        for number in range(times):
            world.records.append(
                Record(
                    "lutong.feed.posts", 0, 10**6 + number, post_id, f"deleted-{number}", "/lutong/feed",
                    "lutong.feed.post-deleted.v1", 2 + number, "{}", "",
                )
            )  # fmt: skip

    return corrupt


def scale(world: Look, kind: str, factor: int) -> None:
    """Multiply all legs of the first entry of a kind: it still balances."""
    entry = where("membership.entry", kind=kind)(world)["entry_id"]
    for posting in world.tables["membership"]["posting"]:
        if posting["entry_id"] == entry and isinstance(posting, dict):
            posting["amount_minor"] *= factor


def banded(
    band: str | None = "limited_availability", available: int = 3, published: str | None = None, **changes: Any
) -> Corrupt:
    """A shelf in a band, by default one that was published rightly, with changes."""

    def corrupt(world: Look) -> None:
        shelf = {
            "location_id": "shop:b", "merchant_id": "shop", "code": "b", "sku": "x", "on_hand": available, "reserved": 0,
            "safety_stock": 0, "unavailable": 0, "band": band, "depleted": band == "out_of_stock",
        }  # fmt: skip
        movement = {
            "movement_id": 10**9, "location_id": "shop:b", "sku": "x", "kind": "counted", "on_hand_delta": available,
            "reserved_delta": 0, "unavailable_delta": 0, "order_id": None, "reference": None,
        }  # fmt: skip
        facts = {"merchant_id": "shop", "location_id": "b", "sku": "x"}
        tables = world.tables["inventory"]
        tables["shelf"].append(shelf | changes)
        tables["movement"].append(movement)
        for number, each in enumerate(["in_stock", published or band]):
            tables["outbox"].append({
                "id": 10**9 + number, "event_id": f"band-{number}", "topic": "lutong.inventory.stock", "key": "b:x",
                "type": "lutong.inventory.stock-band-changed.v1", "payload": json.dumps(facts | {"band": each}),
            })  # fmt: skip

    return corrupt


def sold(*booked: tuple[str, int], state: str = "fulfilled", **changes: Any) -> Corrupt:  # whatever a column holds
    """An order of 100 with 30 taken back, and what is booked of it; `changes` are of the entry of its sale."""

    def corrupt(world: Look) -> None:
        order = {
            "order_id": "sale", "merchant_id": "shop", "member_id": "m", "amount_minor": 100, "refunded_minor": 30,
            "currency": "CNY", "state": state, "location_id": "near",
        }  # fmt: skip
        world.tables["inventory"]["customer_order"].append(order)
        for number, (kind, minor) in enumerate(booked):
            entry = {
                "order_id": "sale", "kind": kind, "reference": str(number), "merchant_id": "shop", "location_id": "near",
                "currency": "CNY", "amount_minor": minor, "reason": "shelf",
            }  # fmt: skip
            world.tables["inventory"]["sales_entry"].append(entry | (changes if kind == "sold" else {}))

    return corrupt


def in_parts(held: dict[str, Any] | None = None, **second: Any) -> Corrupt:  # whatever a column holds
    """An order of two parts, of which the first came and the second does not, with changes to that one and to the hold."""

    def corrupt(world: Look) -> None:
        cup, tea = (json.dumps([{"sku": sku, "units": 1, "unit_price_minor": 50}]) for sku in ("cup", "tea"))
        facts = {"part_of": "p", "member_id": "m", "merchant_id": "s", "refunded_minor": 0, "currency": "CNY"}
        first = facts | {"order_id": "p", "lines": cup, "state": "fulfilled", "amount_minor": 40, "location_id": "a"}
        other = facts | {"order_id": "p.2", "lines": tea, "state": "cancelled", "amount_minor": 40, "location_id": "b"}
        units, second_part = second.get("units", 1), other | {k: v for k, v in second.items() if k != "units"}
        world.tables["inventory"]["customer_order"] += [first, second_part]
        world.tables["inventory"]["sales_entry"] += [
            {"order_id": part["order_id"], "kind": "sold", "reference": part["order_id"], "merchant_id": "s", "currency": "CNY",
             "location_id": part["location_id"], "amount_minor": part["amount_minor"], "reason": "shelf"}
            for part in (first, second_part) if part["state"] == "fulfilled"
        ]  # fmt: skip
        world.tables["inventory"]["reservation"] += [
            {"order_id": "p", "sku": "cup", "location_id": "a", "units": 1, "state": "shipped"},
            {"order_id": "p.2", "sku": "tea", "location_id": "b", "units": units, "state": "released"},
        ]
        hold = {"order_id": "p", "member_id": "m", "merchant_id": "s", "currency": "CNY", "state": "captured",
                "amount_minor": 80, "captured_minor": 40, "total_minor": 100, "discount_minor": 20, "coupon_minor": 0}  # fmt: skip
        world.tables["membership"]["hold"].append(hold | (held or {}))

    return corrupt


def transferred(moved: tuple[str, ...] = ("sent", "arrived"), **changes: Any) -> Corrupt:  # whatever a column holds
    """A transfer of two units that arrived, with changes; `moved` are the movements that there are of it."""

    def corrupt(world: Look) -> None:
        transfer = {"transfer_id": "t", "from_location": "a", "to_location": "b", "state": "received"}
        line = {"transfer_id": "t", "sku": "x", "units": 2, "received": 2, "lost": 0}
        tables = world.tables["inventory"]
        tables["transfer"].append(transfer | {name: value for name, value in changes.items() if name in transfer})
        tables["transfer_line"].append(line | {name: value for name, value in changes.items() if name in line})
        for kind in moved:
            units, place = (-2, "a") if kind == "sent" else (2, changes.get("to_location", "b"))
            tables["movement"].append({
                "movement_id": 10**9, "location_id": place, "sku": "x", "kind": kind, "on_hand_delta": units,
                "reserved_delta": 0, "unavailable_delta": 0, "order_id": None, "reference": "t",
            })  # fmt: skip

    return corrupt


def graying(
    *later: tuple[str, dict[str, Any]], states: str = "released gray", first: int = 1, **changes: Any
) -> Corrupt:
    """Version 1 of a program is released, version 2 in gray at 10 %, and `later` events follow; `states` are those of the versions in the
    registry. The row of the feed has changes; `audience` is that of the registry, `first` the number of the first event."""

    def corrupt(world: Look) -> None:
        audience = {"salt": "s", "percent": 10, "viewers": [], "regions": [], "devices": []}
        story: list[tuple[str, dict[str, Any]]] = [
            (verb, {"version": number}) for number in (1, 2) for verb in ("submitted", "approved")
        ]
        story[2:2] = [("released", {"version": 1})]
        story += [("grayed", {"version": 2, "audience": audience}), *later]
        for place, (verb, data) in enumerate(story[first - 1 :], first):
            world.records.append(Record(
                "lutong.registry.programs", 0, 10**6 + place, "g-22", f"v22-{place}", "/lutong/registry",
                f"lutong.registry.version-{verb}.v1", place, json.dumps(data), "{}",
            ))  # fmt: skip
        stored = json.dumps(changes.get("audience", audience))
        world.tables["registry"]["version"].extend(
            {"program_id": "g-22", "number": number, "state": state, "audience": stored if state == "gray" else None}
            for number, state in enumerate(states.split(), 1)
        )
        gray = json.dumps({"version": 2, "title": "t", "page": "p", "audience": audience}) if "gray" in states else None
        row = {"program_id": "g-22", "version": 1, "suspended_for": None, "offline_for": None, "gray": gray}
        world.tables["feed"]["program"].append(row | {key: value for key, value in changes.items() if key in row})

    return corrupt


def credited(click_h: float = 2, **changes: Any) -> Corrupt:  # whatever a column holds
    """A viewer taps a card in their timeline and orders two hours later, by default; the credit has changes. `counted` is how
    many taps are counted."""

    def corrupt(world: Look) -> None:
        ordered_at = datetime(2026, 1, 8, 12, tzinfo=UTC)
        shared = {"program_id": "g", "viewer_id": "v"}
        for number, (kind, hours) in enumerate({"card-tapped": click_h, "service-requested": 0.0}.items()):
            touch = f"1~1~01890a5d-ac96-774b-bcce-b302099a8057~timeline~0~p~p~g~v~1767800000000~{'A' * 22}"
            facts = {"order_id": "o-20", "post_id": "q", "touch": touch if number == 0 else changes.get("touch")}
            world.records.append(Record(
                "lutong.feed.engagements", 0, 10**6 + number, "v", f"v20-{number}", "/lutong/feed",
                f"lutong.feed.{kind}.v1", 1, json.dumps(shared | facts), "{}", ordered_at - timedelta(hours=hours),
            ))  # fmt: skip
        tables = world.tables["feed"]
        count = {"post_id": "p", "placement": "timeline", "kind": "tap", "times": changes.get("counted", 1)}
        credit = {"placement": "timeline", "post_id": "p", "view_placement": None, "view_post_id": None}
        row = {"order_id": "o-20", "viewer_id": "v"} | credit
        tables["interaction_count"].append(count)
        if not changes.get("uncredited"):
            tables["order_credit"].append(row | {key: value for key, value in changes.items() if key in row})

    return corrupt
