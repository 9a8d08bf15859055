"""The events that inventory handles, by subject."""

from lutong_chassis import Handlers
from lutong_inventory.orders.handlers import arrivals, endings

handlers = Handlers()
for subject in (arrivals, endings):
    handlers.include(subject.handlers)
