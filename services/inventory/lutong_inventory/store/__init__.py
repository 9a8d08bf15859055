"""Every SQL statement of inventory: sets of keys in, sets of rows out. Orders are locked before shelves, both in key order."""

from lutong_inventory.store.orders import (
    advance,
    cancel,
    lock_orders,
    order,
    orders_at,
    summary,
)
from lutong_inventory.store.refunds import (
    refund_key,
    refund_of,
    refunds_of,
    returned_units,
    save_refund,
)
from lutong_inventory.store.shelves import (
    OversoldError,
    available,
    close_reservations,
    count_stock,
    move,
    reserve,
    stock_of,
)
from lutong_inventory.store.sites import (
    flagships,
    locations,
    save_locations,
)
from lutong_inventory.store.sourcing import (
    CANDIDATES_MAX,
    known_orders,
    nearest_locations,
    recall,
    recalled,
    save_outcomes,
)

__all__ = [
    "CANDIDATES_MAX",
    "OversoldError",
    "advance",
    "available",
    "cancel",
    "close_reservations",
    "count_stock",
    "flagships",
    "known_orders",
    "locations",
    "lock_orders",
    "move",
    "nearest_locations",
    "order",
    "orders_at",
    "recall",
    "recalled",
    "refund_key",
    "refund_of",
    "refunds_of",
    "reserve",
    "returned_units",
    "save_locations",
    "save_outcomes",
    "save_refund",
    "stock_of",
    "summary",
]
