"""The commands and queries of inventory, by subject."""

from lutong_inventory.bodies import router
from lutong_inventory.locations import http as locations
from lutong_inventory.orders.http import orders, refunds, steps
from lutong_inventory.stock import http as stock

__all__ = ["locations", "orders", "refunds", "router", "steps", "stock"]
