"""The events and commands that inventory handles, by subject."""

from lutong_chassis import Handlers
from lutong_inventory.orders.handlers import arrivals, endings, refunds, steps
from lutong_inventory.pickup import handlers as pickup
from lutong_inventory.stock import handlers as stock

handlers = Handlers()
for subject in (arrivals, steps, pickup, endings, refunds, stock):
    handlers.include(subject.handlers)
