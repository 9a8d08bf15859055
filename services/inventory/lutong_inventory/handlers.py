"""The events that inventory handles, by subject."""

from lutong_chassis import Handlers
from lutong_inventory.orders import handlers as orders

handlers = Handlers()
for subject in (orders,):
    handlers.include(subject.handlers)
