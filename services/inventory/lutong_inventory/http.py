"""The commands and queries of inventory, by subject."""

from lutong_inventory.bodies import router
from lutong_inventory.locations.http import locations
from lutong_inventory.orders.http import declines, explain, orders, refunds, steps
from lutong_inventory.pickup import http as pickup
from lutong_inventory.stock.http import counts

__all__ = ["counts", "declines", "explain", "locations", "orders", "pickup", "refunds", "router", "steps"]
