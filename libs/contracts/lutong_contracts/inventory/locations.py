"""Events of locations: where goods come from, as others may know it."""

from pydantic import Field

from lutong_contracts.entity import Entity
from lutong_contracts.event import Event
from lutong_contracts.topics import LOCATIONS
from lutong_contracts.values import Identifier, Instant, Place, Reason


class LocationFacts(Entity):
    """A place that goods come from, as others may know it. Ids are their merchant's own: it takes both to name one.

    `kind` is store, flagship or distribution_centre, `state` is open, paused or closed (for good), `modes` are delivery
    and pickup; there may be others one day. `radius_m` is how far it delivers, when its merchant set it.
    """

    merchant_id: Identifier
    location_id: Identifier
    kind: Reason
    state: Reason
    place: Place
    zone: str = Field(min_length=1, max_length=64, description="An IANA time zone.")
    modes: tuple[Reason, ...] = Field(default=(), max_length=10)
    radius_m: int | None = Field(default=None, ge=1)
    paused_until: Instant | None = None


class LocationOpened(LocationFacts, Event, topic=LOCATIONS, key="merchant_id:location_id"):
    """A location takes orders for the first time."""


class LocationChanged(LocationFacts, Event, topic=LOCATIONS, key="merchant_id:location_id"):
    """A location is elsewhere, or serves in other ways, or takes orders again."""


class LocationPaused(LocationFacts, Event, topic=LOCATIONS, key="merchant_id:location_id"):
    """A location takes no orders until `paused_until`, or until it reports that it does."""


class LocationClosed(LocationFacts, Event, topic=LOCATIONS, key="merchant_id:location_id"):
    """A location is closed for good. What was ordered before still leaves it."""
