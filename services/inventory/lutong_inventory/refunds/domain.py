"""What is given back of an order that was fulfilled. Pure: no clock, no database."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lutong_contracts.values import Line
from lutong_inventory.refusal import Refusal
from lutong_inventory.stock.domain.shelves import demand_by_sku


class RefundOrder(NamedTuple):
    """Goods are taken back, or an amount of what the member paid. `units` are SKUs with their number, added up."""

    order_id: str
    refund_id: str
    amount_minor: int | None
    units: tuple[tuple[str, int], ...]
    restock: bool

    @property
    def wanted(self) -> "WantedRefund":
        """What is asked for, to be compared with what was done."""
        return WantedRefund(self.order_id, self.amount_minor, dict(self.units), self.restock)


@dataclass(frozen=True, slots=True)
class Delivered:
    """An order that was fulfilled: its lines at list price, what the member paid for all of it, and what came back so far."""

    lines: Sequence[Line]
    paid_minor: int
    refunded_minor: int
    returned: Mapping[str, int]

    @property
    def left_minor(self) -> int:
        """What can still be given back."""
        return self.paid_minor - self.refunded_minor


def refund_of_units(order: Delivered, units: Mapping[str, int]) -> int | Refusal:
    """What units of an order are worth to the member who paid less than the list price, in minor units.

    Shares are taken of what came back in all, and rounded down: parts may be a minor unit less, but the
    last of them brings the sum to exactly what was paid. Goods that cost nothing come back for nothing.
    """
    demand = dict(demand_by_sku(order.lines))
    after = {sku: order.returned.get(sku, 0) + units.get(sku, 0) for sku in demand.keys() | units.keys()}
    beyond = next((sku for sku, count in sorted(after.items()) if count > demand.get(sku, 0)), None)
    if beyond is not None:
        return Refusal("not_delivered", f"that many units of {beyond!r} were not delivered, or are back already")
    worth_minor = _share(order, after) - _share(order, order.returned)
    return min(worth_minor, order.left_minor)


def _share(order: Delivered, returned: Mapping[str, int]) -> int:
    """What units are worth, of what was paid."""
    listed: Counter[str] = Counter()
    for line in order.lines:
        listed[line.sku] += line.units * line.unit_price_minor
    total_minor = sum(listed.values())
    back_minor = sum(listed[sku] * returned.get(sku, 0) // units for sku, units in demand_by_sku(order.lines))
    return order.paid_minor * back_minor // total_minor if total_minor else 0


@dataclass(frozen=True, slots=True)
class WantedRefund:
    """A refund as it is asked for: units by SKU, or an amount in minor units when there are none."""

    order_id: str
    amount_minor: int | None
    units: Mapping[str, int]
    restock: bool


@dataclass(frozen=True, slots=True)
class KnownRefund:
    """A refund as it was done, with what it came to in minor units."""

    order_id: str
    amount_minor: int
    units: Mapping[str, int]
    restock: bool


def differences(known: KnownRefund, wanted: WantedRefund) -> list[str]:
    """In what a refund is another one than the one that was done under its id; empty when it is the same."""
    pairs = {
        "order_id": (known.order_id, wanted.order_id),
        "lines": (dict(known.units), dict(wanted.units)),
        "restock": (known.restock, wanted.restock),
    }
    if not wanted.units:
        pairs["amount_minor"] = (known.amount_minor, wanted.amount_minor)
    return [name for name, (before, now) in pairs.items() if before != now]


def refund_of_amount(order: Delivered, amount_minor: int) -> int | Refusal:
    """An amount that is given back, whatever it is for."""
    if amount_minor > order.left_minor:
        return Refusal("more_than_left", f"{order.left_minor} minor units of this order can still be given back")
    return amount_minor


def worth(order: Delivered, wanted: WantedRefund) -> int | Refusal:
    """What a refund comes to, in minor units."""
    if wanted.units:
        return refund_of_units(order, wanted.units)
    return refund_of_amount(order, wanted.amount_minor or 0)


def why_other(refund_id: str, known: KnownRefund, wanted: WantedRefund) -> Refusal | None:
    """Why a refund that has the id of another is refused; None when it is the same once more."""
    if others := differences(known, wanted):
        detail = f"refund {refund_id!r} is done already, with another {', '.join(others)}: a new refund has another id"
        return Refusal("refund_known", detail, {"differs": others})
    return None
