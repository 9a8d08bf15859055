"""How a subject goes wrong as a whole: a deleted post, a band, a sale, parts, a transfer, a version in gray, a credit."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from lutong_console.verify.world import Record
from tests.e2e.corrupting import Corrupt
from tests.support.looks import Look


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
        post = {"post_id": post_id, "is_deleted": not stands, "is_readable": is_readable}
        feed["post"].append(post | {"author_id": "ann", "place": 1, "number": 1, "fanned": True})
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


def missed(owed_minor: int | None = 30, *, counts: bool = False, signed_minor: int = 30, **changes: Any) -> Corrupt:
    """An order of 100 that nobody picked up, of which 30 are kept as the member signed, with changes to its hold and its order."""

    def corrupt(world: Look) -> None:
        order = {"order_id": "n", "part_of": None, "member_id": "n", "merchant_id": "s", "amount_minor": 100, "refunded_minor": 0,
                 "currency": "CNY", "state": "cancelled", "location_id": "a"}  # fmt: skip
        hold = {"order_id": "n", "member_id": "n", "merchant_id": "s", "currency": "CNY", "state": "released", "reason": "no_show",
                "agreement_id": "n", "amount_minor": 100, "captured_minor": 30, "total_minor": 100, "discount_minor": 0,
                "coupon_minor": 0, "benefit_minor": 0}  # fmt: skip
        terms = {"no_show": "keep", "no_show_fee_minor": signed_minor} if signed_minor else {}
        tables = world.tables["membership"]
        tables["agreement"].append({"agreement_id": "n", "plan_id": "n", "version": 1, "state": "active"})
        tables["plan"].append({"plan_id": "n", "version": 1, "terms": json.dumps(terms)})
        tables["hold"].append(hold | {name: value for name, value in changes.items() if name in hold})
        world.tables["inventory"]["customer_order"].append(order | {"state": changes.get("order_state", "cancelled")})
        if owed_minor is not None:
            tables["debt"].append(
                {"debt_id": "fee:n", "agreement_id": "n", "kind": "order", "amount_minor": owed_minor}
            )
        if counts:
            tables["accrual"].append(
                {"accrual_id": "order:n", "agreement_id": "n", "kind": "order", "order_id": "n", "times": 1}
            )

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
        row = {
            "program_id": "g-22", "version": 1, "suspended_for": None, "offline_for": None, "gray": gray, "promotable": True,
        }  # fmt: skip
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


def timed(
    post: Mapping[str, Any] = MappingProxyType({}),
    *entries: Mapping[str, Any],
    reader: Mapping[str, Any] | None = MappingProxyType({}),
) -> Corrupt:
    """A reader whose timeline has one post of one author, each as it should be, unless something differs; with no `entries`, none."""

    def corrupt(world: Look) -> None:
        feed = world.tables["feed"]
        place: dict[str, Any] = {"place": 50, "number": 5}
        stands = {"author_id": "timed-bo", "is_deleted": False, "is_readable": False, "fanned": True}
        feed["post"].append({"post_id": "timed-1", **stands, **place, **post})
        feed["follow"].append({"reader_id": "timed-ann", "author_id": "timed-bo"})
        if reader is not None:
            feed["timeline_reader"].append({"reader_id": "timed-ann", "floor": 40, "floor_number": 4, **reader})
        feed["timeline_entry"] += [
            {"reader_id": "timed-ann", "post_id": "timed-1", **place, **each} for each in entries
        ]

    return corrupt
