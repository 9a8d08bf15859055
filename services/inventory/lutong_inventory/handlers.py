"""The events and commands that inventory handles, by subject."""

from lutong_chassis import Handlers
from lutong_inventory.orders.handlers import arrivals, consent, endings, rebooking, refunds, rerouting, steps
from lutong_inventory.pickup import handlers as pickup
from lutong_inventory.provided import handlers as provided
from lutong_inventory.sales import handlers as sales
from lutong_inventory.slots import handlers as slots
from lutong_inventory.stock import handlers as stock
from lutong_inventory.transfers import handlers as transfers
from lutong_inventory.vault import handlers as vault

handlers = Handlers()
for subject in (
    slots,
    arrivals,
    provided,
    rerouting,
    consent,
    rebooking,
    steps,
    pickup,
    endings,
    refunds,
    stock,
    transfers,
    vault,
    sales,
):
    handlers.include(subject.handlers)
