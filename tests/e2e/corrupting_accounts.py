"""What may go wrong with life accounts and rewards, one thing at a time."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from tests.e2e.corrupting import Corrupt
from tests.support.looks import Look

MONDAY: Final = datetime(2026, 11, 29, 16, tzinfo=UTC)
"""Midnight in Shanghai."""


def pushed(
    *days: float, used: int | None = None, kind: str = "calendar_week", quota: int = 2, **push: Any
) -> Corrupt:  # whatever a column holds
    """Pushes of an account so many days after a Monday, and what is counted of that week; `push` changes the last one."""

    def corrupt(world: Look) -> None:
        tables = world.tables["registry"]
        tables["push_policy"].append({"policy_id": 7, "kind": kind, "quota": quota})
        row = {"account_id": "acme", "state": "sent", "policy_id": 7, "delivered": 1}
        for number, day in enumerate(days, 1):
            at = MONDAY + timedelta(days=day)
            tables["push"].append(row | {"push_id": f"p-{number}", "number": number, "counts_at": at})
        tables["push"][-1] |= push
        counted = sum(0 <= day < 7 for day in days) if used is None else used
        if kind == "calendar_week" and counted >= 0:
            tables["push_window"].append({"account_id": "acme", "starts_at": MONDAY, "used": counted})

    return corrupt


def rewarded(
    drop: str = "", more: dict[str, Any] | None = None, lot: int = 250, uv: int = 600, **account: Any
) -> Corrupt:  # whatever a column holds
    """A program whose visitors earned 600, of which 50 are spent, 100 held, 200 taken back; as it should be, unless something differs."""

    def corrupt(world: Look) -> None:
        tables = world.tables["registry"]
        moves = [("grant", "granted", "available", 600), ("reserve", "available", "held", 180), ("spend", "held", "spent", 50),
                 ("release", "held", "available", 30), ("reverse", "available", "reversed", 200)]  # fmt: skip
        row = {"program_id": "g-9", "granted": 600, "spent": 50, "expired": 0, "reversed": 200, "available": 250, "held": 100,
               "debt": 100}  # fmt: skip
        if drop != "account":
            tables["traffic_account"].append(row | account)
        for number, (kind, debit, credit, pv) in enumerate(moves, 1):
            entry = {"entry_id": number, "program_id": "g-9", "kind": kind, "debit": debit, "credit": credit, "pv": pv}
            tables["traffic_entry"] += [] if drop == kind else [entry | ((more or {}) if kind == "spend" else {})]
        earned = [{"program_id": "g-9", "outcome": "granted", "pv": uv - 300},
                  {"program_id": "g-9", "outcome": "reversed", "pv": 300},
                  {"program_id": "g-9", "outcome": "bounced", "pv": 0}]  # fmt: skip
        tables["traffic_earned"] += earned
        tables["traffic_lot"].append({"program_id": "g-9", "remaining": lot})
        spends = [("s-1", "confirmed", 80, 50), ("s-2", "reserved", 100, 0), ("s-3", "released", 9, 0)]
        for spend_id, state, pv, used in spends:
            spend = {"program_id": "g-9", "spend_id": spend_id, "state": state, "pv": pv, "used": used}
            tables["traffic_spend"] += [] if drop == spend_id else [spend]

    return corrupt


def read_by_month(drop: str = "", **row: Any) -> Corrupt:  # whatever a column holds
    """An account that was read seven times in a month; as it should be, unless something differs."""

    def corrupt(world: Look) -> None:
        of = {"month": "2026-11-01", "account_id": "a-7"}
        world.tables["feed"]["account_reads"] += [] if drop == "counted" else [of | {"reads": 7} | row]
        world.tables["feed"]["account_seen"] += [] if drop == "seen" else [of | {"n": 7}]

    return corrupt


def promoted(
    spend: Mapping[str, Any] | None = MappingProxyType({}),
    drop: str = "",
    seen: int = 3,
    reported: int = 5,
    **allowance: Any,
) -> Corrupt:  # whatever a column holds
    """An allowance of ten page views, of which three were spent; as it should be, unless something differs."""

    def corrupt(world: Look) -> None:
        held = {
            "program_id": "g-7",
            "spend_id": "s-7",
            "state": "confirmed",
            "pv": 10,
            "used": 3,
            "promotion_id": "p-7",
            "is_recent": True,
        }
        if spend is not None:
            world.tables["registry"]["traffic_spend"].append(
                held | ({"pv": allowance["pv"]} if "pv" in allowance else {}) | dict(spend)
            )
        feed = world.tables["feed"]
        row = {"spend_id": "s-7", "placement": "home", "pv": 10, "used": 3, "is_closed": True}
        feed["slot_allowance"] += [] if drop == "allowance" else [row | allowance]
        feed["slot_impression"] += [{"spend_id": "s-7", "n": seen}] if seen else []
        count = {"post_id": "p-7", "placement": "home_paid", "kind": "impression", "times": reported}
        feed["interaction_count"].append(count)

    return corrupt


def counted(active: int = 2, drop: str = "", kept: int = 3, **day: Any) -> Corrupt:  # whatever a column holds
    """A program that two viewers opened four times on a Tuesday, once of them when it was closed; as it should be, unless something differs."""

    def corrupt(world: Look) -> None:
        tables = world.tables["registry"]
        day_of = MONDAY + timedelta(days=1, hours=8)
        early = {"program_id": "g-8", "kind": "opened", "n": 1, "hour_at": MONDAY - timedelta(days=2, hours=14)}
        late = early | {"n": kept, "hour_at": MONDAY + timedelta(days=1, hours=1)}
        tables["usage_hour"] += [early, late, late | {"n": 1, "hour_at": MONDAY + timedelta(days=1, hours=23)}]
        row = {
            "program_id": "g-8",
            "day": str(day_of.date()),
            "opened": 3,
            "solved": 0,
            "fulfilled": 0,
            "users": 2,
            "adjusted": 1,
        }
        first = row | {"day": "2026-11-27", "opened": 5, "users": 0, "adjusted": 0}
        tables["program_day"] += [first] if drop == "day" else [first, row | day]
        tables["usage_active"] += (
            [] if drop == "active" else [{"program_id": "g-8", "day": row["day"], "users": active}]
        )

    return corrupt
