"""The events that inventory handles, by subject."""

from lutong_chassis import Handlers
from lutong_inventory.orders.handlers import arrivals, consent, endings, rebooking, rerouting
from lutong_inventory.slots import handlers as slots
from lutong_inventory.transfers import handlers as transfers

handlers = Handlers()
for subject in (arrivals, rerouting, endings, consent, rebooking, slots, transfers):
    handlers.include(subject.handlers)
