"""Services without goods, and what programs may use: V31 a service ends once, as its money does; V32 membership and the feed know what was granted."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from lutong_console.verify.joining import Group, Row
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_HOLDS: Final = {
    "waiting": {"held", "expired"},
    "done": {"captured"},
    "failed": {"released"},
    "lapsed": {"released"},
    "cancelled": {"released"},
}


def services_end_once(world: World) -> Iterator[Violation]:
    """V31: a service without goods is captured if its provider did it, once, for what that reported of its price and with a reference that is
    no other's; else released. Of what was captured no more is given back than that, refund by refund.

    It has neither goods nor a store: no order of a location has its id, and nothing is reserved or sold for it.
    """
    services = world.by(
        "order_id",
        service="SELECT * FROM inventory.provision ORDER BY order_id",
        hold="SELECT order_id, state, amount_minor, captured_minor, currency FROM membership.hold ORDER BY order_id",
        order="SELECT order_id FROM inventory.customer_order ORDER BY order_id",
        reserved="SELECT order_id FROM inventory.reservation ORDER BY order_id",
        sold="SELECT order_id FROM inventory.sales_entry ORDER BY order_id",
        refunded="SELECT order_id, amount_minor FROM inventory.refund ORDER BY order_id",
        done="""
            SELECT key AS order_id, value FROM record
             WHERE topic = 'lutong.inventory.orders' AND type = 'lutong.inventory.order-fulfilled.v1'
             GROUP BY event_id ORDER BY key""",
    )
    for order_id, of in services:
        for what in _service(of):
            yield Violation("V31", what, f"service {order_id}")
    yield from _references(world)


def _service(of: Group) -> Iterator[str]:
    row, hold = of.one("service"), of.one("hold")
    if row is None:
        return
    if hold is None or hold["state"] not in _HOLDS[row["state"]]:
        yield f"it is {row['state']}, its hold {hold['state'] if hold else 'missing'}"
    elif (hold["amount_minor"], hold["currency"]) != (row["amount_minor"], row["currency"]):
        yield "it and its hold differ in amount"
    elif hold["captured_minor"] != row["paid_minor"] or row["paid_minor"] > row["amount_minor"]:
        yield f"it is {row['state']} for {row['paid_minor']} of {row['amount_minor']}, and {hold['captured_minor']} is captured"
    back_minor = sum(each["amount_minor"] for each in of.all("refunded"))
    if row["refunded_minor"] != back_minor or back_minor > row["paid_minor"]:
        yield f"{row['refunded_minor']} of {row['paid_minor']} is given back, and its refunds are {back_minor}"
    if of.all("order") or of.all("reserved") or of.all("sold"):
        yield "a location has it, too, or goods are set aside or sold for it"
    published = [json.loads(each["value"]) for each in of.all("done")]
    right = ("provider", row["reference"], row["paid_minor"])
    wrong = [each for each in published if _served(each) != right]
    if wrong or (published and row["state"] != "done"):
        yield f"it is {row['state']} ({row['reference']}), and was published as done otherwise"


def _served(done: dict[str, Any]) -> tuple[str, str | None, int]:
    return done["location_kind"], done.get("reference"), done["amount"]["amount_minor"]


def _references(world: World) -> Iterator[Violation]:
    rows = world.select("SELECT merchant_id, reference FROM inventory.provision WHERE reference IS NOT NULL")
    for (merchant_id, reference), times in Counter((row["merchant_id"], row["reference"]) for row in rows).items():
        if times > 1:
            yield Violation("V31", f"{times} services have the reference {reference}", f"merchant {merchant_id}")


def grants_are_known(world: World) -> Iterator[Violation]:
    """V32: membership and the feed hold each program to what the registry has granted it, in the same revision."""
    programs = world.by(
        "program_id",
        registry="SELECT * FROM registry.program_grant ORDER BY program_id",
        membership="SELECT * FROM membership.program_grant ORDER BY program_id",
        feed="SELECT * FROM feed.program_grant ORDER BY program_id",
    )
    for program_id, of in programs:
        granted = _granted(of.one("registry"))
        for service in ("membership", "feed"):
            if (known := _granted(of.one(service))) != granted:
                yield Violation("V32", f"the registry has {granted}, {service} {known}", f"program {program_id}")


def _granted(row: Row | None) -> tuple[int, bool, str] | None:
    return (row["revision"], bool(row["enforced"]), " ".join(sorted(row["granted"].split()))) if row else None
