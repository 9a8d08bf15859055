"""What is on record of what staff does for a merchant, and of what anybody does to an order of a member."""

from collections.abc import Iterable, Iterator
from typing import Any

from lutong_chassis.audit import Change
from lutong_inventory.bodies import NamedSite, Refund, Site
from lutong_inventory.domain import Step

Row = Any
"""A row of a location, a shelf (as `count_stock` gives it) or an order."""


def location_put(site: NamedSite, row: Row | None) -> Change:
    """A location that was opened or changed; its name and where it is are masked."""
    before = None if row is None else {name: row[name] for name in Site.model_fields}
    after = {name: getattr(site, name) for name in Site.model_fields}
    return Change("location.put", f"location:{site.location_id}", None, before, after)


def stock_counted(rows: Iterable[Row]) -> Iterator[Change]:
    """Shelves that were counted."""
    for row in rows:
        before = {"on_hand": row["on_hand"] - row["delta"], "safety_stock": row["safety_stock_before"]}
        after = {"on_hand": row["on_hand"], "safety_stock": row["safety_stock"]}
        yield Change("stock.count", f"shelf:{row['location_id']}:{row['sku']}", None, before, after)


def steps_taken(rows: Iterable[Row], step: Step) -> Iterator[Change]:
    """Orders that went a step on."""
    for row in rows:
        yield Change("order.step", f"order:{row['order_id']}", None, {"state": row["state"]}, {"state": step})


def order_cancelled(row: Row, reason: str) -> Change:
    """An order that its location does not fulfil."""
    return Change("order.cancel", f"order:{row['order_id']}", reason, {"state": row["state"]}, {"state": "cancelled"})


def order_refunded(row: Row, refund: Refund, worth_minor: int) -> Change:
    """An order of which a part was taken back."""
    before = {"refunded_minor": row["refunded_minor"]}
    after = {"refunded_minor": row["refunded_minor"] + worth_minor, "refund_id": refund.refund_id}
    return Change("order.refund", f"order:{row['order_id']}", None, before, after)
