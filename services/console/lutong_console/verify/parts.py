"""Orders in parts: V19 parts add up to their order, and what was captured to the parts that came."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import orjson

from lutong_console.verify.joining import Row
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_ENDED: Final = frozenset({"fulfilled", "cancelled"})


def parts_add_up(world: World) -> Iterator[Violation]:
    """V19: the lines and prices of all parts are those of the order, no SKU is in two; what is set aside for a part is what it
    consists of; what of the hold is captured is the price of the parts that came, and it ends with the last of them.
    """
    orders = world.by(
        "order_id",
        part="""
            SELECT part_of AS order_id, order_id AS part_id, lines, state, amount_minor FROM inventory.customer_order
             WHERE part_of IS NOT NULL ORDER BY 1, 2""",
        reserved="""
            SELECT part_of AS order_id, reservation.order_id AS part_id, sku, units
              FROM (SELECT order_id, part_of FROM inventory.customer_order WHERE part_of IS NOT NULL) AS part
              JOIN inventory.reservation USING (order_id) ORDER BY 1, 2, 3""",
        hold="SELECT * FROM membership.hold ORDER BY order_id",
    )
    for order_id, of in orders:
        parts = of.all("part")
        for what in (*_consists(parts, of.all("reserved")), *_paid(parts, of.one("hold"))) if parts else ():
            yield Violation("V19", what, f"order {order_id}")


def _consists(parts: Sequence[Row], reserved: Sequence[Row]) -> Iterator[str]:
    """Of which goods the parts are, and what is set aside for them."""
    wanted: Counter[tuple[str, str]] = Counter()
    for part in parts:
        for line in orjson.loads(part["lines"]):
            wanted[part["part_id"], line["sku"]] += line["units"]
    if len({sku for _, sku in wanted}) < len(wanted):
        yield "one SKU is in two parts"
    if wanted != {(row["part_id"], row["sku"]): row["units"] for row in reserved}:
        yield f"its parts are {sum(wanted.values())} units, and {sum(row['units'] for row in reserved)} were set aside"


def _paid(parts: Sequence[Row], hold: Row | None) -> Iterator[str]:
    """What the parts cost, and what of that was captured."""
    if hold is None:
        return
    amount = sum(part["amount_minor"] for part in parts)
    listed = sum(line["units"] * line["unit_price_minor"] for part in parts for line in orjson.loads(part["lines"]))
    if (amount, listed) != (hold["amount_minor"], hold["total_minor"]):
        held = hold["amount_minor"], hold["total_minor"]
        yield f"its parts cost {amount} of {listed} by the list, and {held[0]} of {held[1]} are held"
    came = sum(part["amount_minor"] for part in parts if part["state"] == "fulfilled")
    if hold["captured_minor"] != came:
        yield f"parts for {came} came, and {hold['captured_minor']} were captured"
    ended = {part["state"] for part in parts} <= _ENDED
    if ended != (hold["state"] not in {"held", "expired"}):
        yield f"its parts have {'' if ended else 'not '}ended, and its hold is {hold['state']}"
