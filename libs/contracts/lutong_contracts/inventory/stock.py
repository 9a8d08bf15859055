"""Events of stock: what is left on a shelf, and what is on its way from one shelf to another."""

from pydantic import Field

from lutong_contracts.event import Event
from lutong_contracts.topics import STOCK, TRANSFERS
from lutong_contracts.values import AnyStockBand, Identifier, Reason, Units, Value


class StockAdjusted(Event, topic=STOCK, key="location_id:sku"):
    """Goods were counted, received or lost: `delta` units, `on_hand` afterwards. What of them can be promised is a band's matter."""

    location_id: Identifier
    sku: Identifier
    delta: int
    on_hand: int = Field(ge=0)
    reason: Reason
    merchant_id: Identifier | None = Field(default=None, description="Whose location: ids are their merchant's own.")


class StockDepleted(Event, topic=STOCK, key="location_id:sku"):
    """Nothing of this SKU can be promised at this location any more."""

    location_id: Identifier
    sku: Identifier
    merchant_id: Identifier | None = Field(default=None, description="Whose location: ids are their merchant's own.")
    band: AnyStockBand | None = Field(default=None, description="Always `out_of_stock`; absent in older events.")


class StockRestored(Event, topic=STOCK, key="location_id:sku"):
    """This SKU can be promised at this location again: `band` has how much of it."""

    location_id: Identifier
    sku: Identifier
    merchant_id: Identifier | None = Field(default=None, description="Whose location: ids are their merchant's own.")
    band: AnyStockBand | None = Field(default=None, description="How much there is; absent in older events.")


class StockBandChanged(Event, topic=STOCK, key="location_id:sku"):
    """A few units of this SKU can be promised at this location where many could, or the other way round.

    The units at which a band begins and ends differ, so one unit that goes back and forth is no event. That nothing is
    left is `StockDepleted`, that something is there again `StockRestored`: the band is that of the last of the three.
    """

    merchant_id: Identifier
    location_id: Identifier
    sku: Identifier
    band: AnyStockBand


class TransferFacts(Value):
    """Goods that go from one location of a merchant to another; `lines` are what this event is about."""

    transfer_id: Identifier
    merchant_id: Identifier
    from_location_id: Identifier
    to_location_id: Identifier
    lines: tuple[Units, ...] = Field(default=(), max_length=200)


class TransferSent(TransferFacts, Event, topic=TRANSFERS, key="transfer_id"):
    """Goods left a location for another one of the merchant."""


class TransferReceived(TransferFacts, Event, topic=TRANSFERS, key="transfer_id"):
    """Goods arrived: all of a transfer, or the part that `lines` names."""


class TransferLost(TransferFacts, Event, topic=TRANSFERS, key="transfer_id"):
    """What is left of a transfer will not arrive."""
