"""Orders that nobody picked up: V25 what is kept of them is what the member signed, and nothing of them counts."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lutong_console.verify.joining import Group, Row
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_SIGNED = """
SELECT order_id, state, reason, amount_minor, captured_minor, plan_id, version
  FROM membership.hold LEFT JOIN (SELECT agreement_id, plan_id, version FROM membership.agreement) USING (agreement_id)
 ORDER BY order_id"""


def no_shows_cost_what_was_signed(world: World) -> Iterator[Violation]:
    """V25: of an order that nobody picked up the fee of the terms is captured and owed, once, or nothing; it counts as no purchase.

    A hold that expired before keeps nothing.
    """
    plans = world.select("SELECT plan_id, version, terms FROM membership.plan")
    fees = {(row["plan_id"], row["version"]): _fee_minor(json.loads(row["terms"])) for row in plans}
    orders = world.by(
        "order_id",
        hold=_SIGNED,
        order="SELECT order_id, state FROM inventory.customer_order ORDER BY order_id",
        fee="""
            SELECT substr(debt_id, 5) AS order_id, amount_minor FROM membership.debt
             WHERE debt_id GLOB 'fee:*' ORDER BY 1""",
        counted="SELECT order_id FROM membership.accrual WHERE order_id <> '' ORDER BY order_id",
        expired="SELECT order_id FROM membership.entry WHERE kind = 'expiry' ORDER BY order_id",
    )
    for order_id, of in orders:
        for what in _kept(of, fees):
            yield Violation("V25", what, f"order {order_id}")


def _fee_minor(terms: Mapping[str, Any]) -> int:
    """What a plan keeps of an order that nobody picks up, in minor units."""
    return int(terms.get("no_show_fee_minor", 0)) if terms.get("no_show") == "keep" else 0


def _kept(of: Group, fees: Mapping[tuple[str, int], int]) -> Iterator[str]:
    """What is wrong with what was kept of an order."""
    hold, owed = of.one("hold"), [row["amount_minor"] for row in of.all("fee")]
    missed = hold is not None and hold["state"] == "released" and hold["reason"] == "no_show"
    if hold is None or not missed:
        if owed or (hold and hold["state"] == "released" and hold["captured_minor"]):
            yield f"{sum(owed)} is owed for not picking it up, and its hold is {_shown(hold)}"
        return
    signed = 0 if of.all("expired") else min(fees.get((hold["plan_id"], hold["version"]), 0), hold["amount_minor"])
    if hold["captured_minor"] != signed or sum(owed) != signed or len(owed) > 1:
        yield f"{signed} was signed for not picking it up, {hold['captured_minor']} captured, {sum(owed)} owed"
    if of.all("counted"):
        yield "nobody picked it up, and it counts"
    if (order := of.one("order")) is not None and order["state"] != "cancelled":
        yield f"nobody picked it up, and it is {order['state']}"


def _shown(hold: Row | None) -> str:
    return f"{hold['state']} for {hold['reason']}" if hold else "missing"
