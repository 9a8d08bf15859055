"""Charges: V12 members are charged what they owe, worked out anew from what was counted and the terms that were signed."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from lutong_console.verify.collect import Row, World, moment
from lutong_console.verify.violation import Violation

_COUNTS: Final = {"counted", "credited"}
_LOWERING: Final = {"charge_credited", "charge_owed", "charge_forgiven"}
_CALENDAR_DAY: Final = timedelta(hours=23)
"""A notice this long is one of real days; with shortened days (tests) windows never close."""


def charges_are_owed(world: World) -> Iterator[Violation]:
    """V12: a charge is the quote; within its bounds; notified before it is taken, in the same amount."""
    terms = {(row["plan_id"], row["version"]): json.loads(row["terms"]) for row in world.rows("membership", "plan")}
    accruals: dict[str, list[Row]] = defaultdict(list)
    for accrual in world.rows("membership", "accrual"):
        accruals[accrual["agreement_id"]].append(accrual)
    booked = _booked(world)
    for agreement in world.rows("membership", "agreement"):
        key, signed = agreement["agreement_id"], terms.get((agreement["plan_id"], agreement["version"]))
        if signed is None:
            yield Violation("V12", "the terms that were signed are gone", f"agreement {key}")
        elif agreement["charge_minor"] is not None:
            yield from _charged(agreement, signed, accruals[key], booked[key])
        elif booked[key]["charged"]:
            yield Violation("V12", "charged before it was settled", f"agreement {key}")
    yield from _deliveries(world)
    yield from _deductions(world, terms)


def _booked(world: World) -> dict[str, dict[str, int]]:
    """By agreement: what was charged net of what was given back of it, and what is left on its benefit account."""
    entries = {row["entry_id"]: row for row in world.rows("membership", "entry")}
    found: dict[str, dict[str, int]] = defaultdict(lambda: {"charged": 0, "benefit": 0})
    for posting in world.rows("membership", "posting"):
        entry, account, amount = entries.get(posting["entry_id"]), posting["account"], posting["amount_minor"]
        if entry is None or entry["agreement_id"] is None:
            continue
        key = entry["agreement_id"]
        if account == f"benefit:{key}":
            found[key]["benefit"] += amount
        if entry["kind"] == "charge" and account.startswith("charged:"):
            found[key]["charged"] += amount
        if entry["kind"] in _LOWERING and account.endswith(":benefits"):
            found[key]["charged"] -= amount
    return found


def _charged(
    agreement: Row, terms: dict[str, Any], accruals: Sequence[Row], booked: dict[str, int]
) -> Iterator[Violation]:
    where, charge = f"agreement {agreement['agreement_id']}", agreement["charge_minor"]
    cap = (terms.get("withholding") or {}).get("cap_minor", 0)
    counted = [accrual for accrual in accruals if accrual["effect"] in _COUNTS]
    enjoyed = sum(accrual["benefit_minor"] for accrual in counted)
    quote = _quote(terms, counted, enjoyed, free=agreement["free"])
    if charge != quote:
        yield Violation("V12", f"charged {charge}, and {quote} is owed", where)
    if charge > min(cap, enjoyed):
        yield Violation("V12", f"charged {charge}, with {enjoyed} enjoyed and a cap of {cap}", where)
    if booked["charged"] != charge:
        yield Violation("V12", f"the agreement has {charge} as charged, the ledger {booked['charged']}", where)
    if booked["benefit"]:
        yield Violation("V12", "what was enjoyed is neither charged nor forgiven after the settlement", where)


def _quote(terms: dict[str, Any], counted: Sequence[Row], enjoyed: int, *, free: bool) -> int:
    """What is owed, worked out here anew: nothing of the service's code takes part."""
    obligation, settlement, withholding = terms.get("obligation"), terms.get("settlement"), terms.get("withholding")
    times, amount = (sum(accrual[name] for accrual in counted) for name in ("times", "amount_minor"))
    if not obligation or not settlement or not withholding or free:
        return 0
    if times >= obligation["times"] if obligation["kind"] == "times" else amount >= obligation["amount_minor"]:
        return 0
    bounds = [enjoyed, withholding["cap_minor"]]
    if settlement["kind"] == "by_times":
        reached = [tier for tier in settlement["tiers"] if tier["times"] <= max(0, times)]
        bounds.append(max(reached, key=lambda tier: int(tier["times"]))["charge_minor"])
    owed = max(0, min(bounds))
    return 0 if owed <= withholding.get("exempt_minor", 0) else owed


def _deliveries(world: World) -> Iterator[Violation]:
    """What was captured is an accrual and a debt, each once, and the benefit is what the hold promised."""
    accruals = {row["accrual_id"]: row for row in world.rows("membership", "accrual")}
    debts = {row["debt_id"]: row for row in world.rows("membership", "debt")}
    for hold in world.rows("membership", "hold"):
        captured = hold["captured_minor"] if hold["state"] == "captured" else 0
        key, where = f"order:{hold['order_id']}", f"order {hold['order_id']}"
        accrual, debt = accruals.get(key), debts.get(key)
        if bool(captured) != (accrual is not None) or bool(captured) != (debt is not None):
            yield Violation("V12", "captured without an accrual or a debt, or the other way round", where)
        elif accrual and debt:
            promised = hold["benefit_minor"] * captured // hold["amount_minor"]
            if (accrual["amount_minor"], debt["amount_minor"], accrual["benefit_minor"]) != (
                captured,
                captured,
                promised,
            ):
                yield Violation("V12", "the accrual or the debt is for another amount than was captured", where)


def _deductions(world: World, terms: dict[tuple[str, int], dict[str, Any]]) -> Iterator[Violation]:
    """Nothing is taken but what was notified, after the notice, in the window."""
    notices = {}
    for row in world.rows("membership", "outbox"):
        if row["type"] == "lutong.membership.deduction-notified.v1":
            notice = json.loads(row["payload"])
            notices[notice["deduction_id"]] = (notice["amount"]["amount_minor"], row)
    agreements = {row["agreement_id"]: row for row in world.rows("membership", "agreement")}
    for deduction in world.rows("membership", "deduction"):
        where = f"deduction {deduction['deduction_id']}"
        amount, notice = notices.get(deduction["deduction_id"], (None, None))
        if amount != deduction["amount_minor"]:
            yield Violation("V12", f"{deduction['amount_minor']} to deduct, {amount} notified", where)
        agreement = agreements.get(deduction["agreement_id"], {})
        signed = terms.get((agreement.get("plan_id", ""), agreement.get("version", 0)), {})
        why = _taken_wrongly(deduction, notice, signed)
        if why:
            yield Violation("V12", why, where)


def _taken_wrongly(deduction: Row, notice: Row | None, terms: dict[str, Any]) -> str | None:
    if deduction["sent_at"] is None:
        taken = deduction["state"] in {"sent", "unknown", "taken", "succeeded"}
        return "taken, and never sent" if taken else None
    sent_at, not_before = moment(deduction, "sent_at"), moment(deduction, "not_before")
    if sent_at < not_before or (notice and sent_at < moment(notice, "written_at")):
        return "taken before its notice was over"
    real_days = not_before - moment(deduction, "notified_at") >= _CALENDAR_DAY
    return "taken outside of its window" if real_days and not _is_open(terms, sent_at) else None


def _is_open(terms: dict[str, Any], sent_at: datetime) -> bool:
    withholding = terms.get("withholding") or {}
    local = sent_at.astimezone(ZoneInfo(terms.get("zone", "Asia/Shanghai"))).time().isoformat()
    opens, closes = str(withholding.get("window_opens", "")), str(withholding.get("window_closes", "24"))
    return opens <= local < closes
