"""What orders are called and what their lines cost, and the parts of those that several locations serve. Pure."""

from collections.abc import Sequence
from typing import Final, TypedDict
from uuid import NAMESPACE_OID, uuid5

from lutong_contracts.values import Line

_ID_LENGTH_MAX: Final = 64


class Names(TypedDict):
    """What events call an order, or a part of it."""

    order_id: str
    fulfilment_id: str | None


def part_id(order_id: str, number: int) -> str:
    """The id of a part, counted from one. It follows from the order, so a repeat makes the same.

    >>> part_id("o-7", 1), part_id("o-7", 2)
    ('o-7', 'o-7.2')
    """
    if number == 1:
        return order_id
    plain = f"{order_id}.{number}"
    return plain if len(plain) <= _ID_LENGTH_MAX else str(uuid5(NAMESPACE_OID, plain))


def names(row_id: str, part_of: str | None) -> Names:
    """What events call a row: an order by its id, a part by that of its order and its own.

    >>> names("o-7.2", "o-7")
    {'order_id': 'o-7', 'fulfilment_id': 'o-7.2'}
    """
    return {"order_id": part_of or row_id, "fulfilment_id": row_id if part_of else None}


def listed_minor(lines: Sequence[Line]) -> int:
    """What lines cost by the list, in minor units."""
    return sum(line.units * line.unit_price_minor for line in lines)
