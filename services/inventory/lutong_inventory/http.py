"""The commands and queries of inventory, by subject."""

from lutong_inventory.availability import http as availability
from lutong_inventory.bodies import router
from lutong_inventory.locations.http import locations
from lutong_inventory.orders.http import closure, consent, declines, explain, orders, refunds, report, steps, what_if
from lutong_inventory.orders.http import slots as order_slots
from lutong_inventory.pickup import http as pickup
from lutong_inventory.provided import http as provided
from lutong_inventory.sales import http as sales
from lutong_inventory.slots.http import places, slots
from lutong_inventory.sourcing import http as sourcing
from lutong_inventory.stock.http import counts
from lutong_inventory.transfers import http as transfers
from lutong_inventory.turnover import http as turnover
from lutong_inventory.vault import http as vault

__all__ = [
    "availability",
    "closure",
    "consent",
    "counts",
    "declines",
    "explain",
    "locations",
    "order_slots",
    "orders",
    "pickup",
    "places",
    "provided",
    "refunds",
    "report",
    "router",
    "sales",
    "slots",
    "sourcing",
    "steps",
    "transfers",
    "turnover",
    "vault",
    "what_if",
]
