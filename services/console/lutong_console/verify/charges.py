"""Charges: V12 members are charged what they owe, worked out anew from what was counted and the terms that were signed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from lutong_console.verify.collect import moment
from lutong_console.verify.joining import Row
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_CALENDAR_DAY: Final = timedelta(hours=23)
"""A notice this long is one of real days; with shortened days (tests) windows never close."""


def charges_are_owed(world: World) -> Iterator[Violation]:
    """V12: a charge is the quote; within its bounds; notified before it is taken, in the same amount."""
    plans = world.select("SELECT plan_id, version, terms FROM membership.plan")
    terms = {(row["plan_id"], row["version"]): json.loads(row["terms"]) for row in plans}
    agreements = world.by(
        "agreement_id",
        agreement="SELECT * FROM membership.agreement ORDER BY agreement_id",
        accrual="""
            SELECT * FROM membership.accrual WHERE effect IN ('counted', 'credited') ORDER BY agreement_id, rowid""",
        booked=_BOOKED,
    )
    for key, of in agreements:
        agreement, where = of.one("agreement"), f"agreement {key}"
        booked = of.one("booked") or {"charged": 0, "benefit": 0}
        if agreement is None:
            continue
        signed = terms.get((agreement["plan_id"], agreement["version"]))
        if signed is None:
            yield Violation("V12", "the terms that were signed are gone", where)
        elif agreement["charge_minor"] is not None:
            for what in _charged(agreement, signed, of.all("accrual"), booked):
                yield Violation("V12", what, where)
        elif booked["charged"]:
            yield Violation("V12", "charged before it was settled", where)
    yield from _deliveries(world)
    yield from _deductions(world, terms)


_BOOKED: Final = """
SELECT agreement_id,
       sum(CASE WHEN kind = 'charge' AND account GLOB 'charged:*' THEN amount_minor
                WHEN kind IN ('charge_credited', 'charge_owed', 'charge_forgiven') AND account GLOB '*:benefits'
                THEN -amount_minor ELSE 0 END) AS charged,
       sum(CASE WHEN account = 'benefit:' || agreement_id THEN amount_minor ELSE 0 END) AS benefit
  FROM leg WHERE agreement_id IS NOT NULL GROUP BY agreement_id ORDER BY agreement_id"""
"""By agreement: what was charged net of what was given back of it, and what is left on its benefit account."""


def _charged(agreement: Row, terms: dict[str, Any], counted: Sequence[Row], booked: Mapping[str, int]) -> Iterator[str]:
    charge, cap = agreement["charge_minor"], (terms.get("withholding") or {}).get("cap_minor", 0)
    enjoyed = sum(accrual["benefit_minor"] for accrual in counted)
    quote = _quote(terms, counted, enjoyed, free=agreement["free"])
    if charge != quote:
        yield f"charged {charge}, and {quote} is owed"
    if charge > min(cap, enjoyed):
        yield f"charged {charge}, with {enjoyed} enjoyed and a cap of {cap}"
    if booked["charged"] != charge:
        yield f"the agreement shows {charge} as charged, the ledger {booked['charged']}"
    if booked["benefit"]:
        yield "what was enjoyed is neither charged nor forgiven after the settlement"


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
    orders = world.by(
        "order_id",
        hold="SELECT * FROM membership.hold ORDER BY order_id",
        accrual="""
            SELECT coalesce(order_id, substr(accrual_id, 7)) AS order_id, accrual.amount_minor, benefit_minor, times,
                   debt.amount_minor AS debt_minor
              FROM membership.accrual LEFT JOIN membership.debt ON debt_id = accrual_id
             WHERE accrual_id GLOB 'order:*' ORDER BY 1""",
    )
    for order_id, of in orders:
        accruals = of.all("accrual")
        for hold in of.each("hold"):
            if hold["state"] == "released" and hold["reason"] == "no_show":
                continue  # V25 has what is kept of it
            if what := _delivered_wrongly(hold, accruals):
                yield Violation("V12", what, f"order {order_id}")
    lonely = world.select(
        """
        SELECT debt_id FROM membership.debt LEFT JOIN membership.accrual ON accrual_id = debt_id
         WHERE debt_id GLOB 'order:*' AND accrual_id IS NULL"""
    )
    for debt in lonely:
        yield Violation("V12", "a debt without an accrual", f"debt {debt['debt_id']}")


def _delivered_wrongly(hold: Row, accruals: Sequence[Row]) -> str | None:
    """What is wrong with what came of an order: in one, or part by part."""
    captured = hold["captured_minor"]
    if bool(captured) != bool(accruals) or any(row["debt_minor"] is None for row in accruals):
        return "captured without an accrual or a debt, or the other way round"
    for row in accruals:
        promised = hold["benefit_minor"] * row["amount_minor"] // hold["amount_minor"]
        if (row["debt_minor"], row["benefit_minor"]) != (row["amount_minor"], promised):
            return "the accrual or the debt is for another amount than was captured"
    if sum(row["amount_minor"] for row in accruals) != captured:
        return "the accruals are for another amount than was captured"
    return "it counts more than once" if accruals and sum(row["times"] for row in accruals) != 1 else None


def _deductions(world: World, terms: dict[tuple[str, int], dict[str, Any]]) -> Iterator[Violation]:
    """Nothing is taken but what was notified, after the notice, in the window."""
    deductions = world.by(
        "deduction_id",
        deduction="""
            SELECT deduction.*, agreement.plan_id, agreement.version
              FROM membership.deduction LEFT JOIN membership.agreement USING (agreement_id) ORDER BY deduction_id""",
        notice="""
            SELECT json_extract(payload, '$.deduction_id') AS deduction_id,
                   json_extract(payload, '$.amount.amount_minor') AS amount_minor, written_at
              FROM membership.outbox WHERE type = 'lutong.membership.deduction-notified.v1' ORDER BY 1, id""",
    )
    for deduction_id, of in deductions:
        deduction, notice, where = of.one("deduction"), of.one("notice"), f"deduction {deduction_id}"
        if deduction is None:
            continue
        notified = notice["amount_minor"] if notice else None
        if notified != deduction["amount_minor"]:
            yield Violation("V12", f"{deduction['amount_minor']} to deduct, {notified} notified", where)
        why = _taken_wrongly(deduction, notice, terms.get((deduction["plan_id"], deduction["version"]), {}))
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
