"""Sales: V20 every order that was fulfilled is the sale of one store, for what its member paid and kept."""

from collections.abc import Iterator

from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World


def sales_are_orders(world: World) -> Iterator[Violation]:
    """V20: an order that was fulfilled is credited once, to a location of its merchant, for its amount less refunds; others are not.

    Entries follow the events of orders, so that they are behind for a moment.
    """
    orders = world.by(
        "order_id",
        row="SELECT * FROM inventory.customer_order ORDER BY order_id",
        entry="SELECT * FROM inventory.sales_entry ORDER BY order_id",
    )
    for order_id, of in orders:
        row, entries, where = of.one("row"), of.all("entry"), f"order {order_id}"
        fulfilled = row is not None and row["state"] == "fulfilled"
        sold = [entry for entry in entries if entry["kind"] == "sold"]
        if len(sold) != fulfilled:
            yield Violation("V20", f"it is {row and row['state']}, and {len(sold)} times the sale of a store", where)
            continue
        if row is None or not fulfilled:
            continue
        expected = {"sold": row["amount_minor"], "refunded": -row["refunded_minor"]}
        booked = {kind: sum(e["amount_minor"] for e in entries if e["kind"] == kind) for kind in expected}
        if booked != expected:
            yield Violation("V20", f"its member paid {expected}, its store is credited with {booked}", where)
        if {(e["merchant_id"], e["currency"], e["location_id"]) for e in entries} != {
            (row["merchant_id"], row["currency"], sold[0]["location_id"])
        }:
            yield Violation("V20", "it is credited to several stores, or in another currency", where)
