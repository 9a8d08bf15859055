"""Events of the feed about places in its placements that programs pay for with page views."""

from typing import Annotated

from pydantic import Field

from lutong_contracts.event import Event
from lutong_contracts.topics import PROMOTIONS
from lutong_contracts.values import Identifier, Instant, Value

SHOWN_MAX = 500
"""So many impressions are in one event."""


class SlotShown(Value):
    """A program was shown to a viewer in a place that was paid for."""

    viewer_id: Identifier
    served_at: Instant


class PaidSlotsShown(Event, topic=PROMOTIONS, key="program_id"):
    """Viewers saw a program in places that were paid for. Each impression is in one such event, and spends one page view."""

    program_id: Identifier
    spend_id: Identifier
    shown: Annotated[tuple[SlotShown, ...], Field(min_length=1, max_length=SHOWN_MAX)]


class PaidSlotsClosed(Event, topic=PROMOTIONS, key="program_id"):
    """No more is shown of what was held: so many page views of it were, the others go back."""

    program_id: Identifier
    spend_id: Identifier
    used: int = Field(ge=0)


class PaidSlotsDue(Event, topic=PROMOTIONS, key="program_id"):
    """The time of what is held for places is over. The feed's word to itself."""

    program_id: Identifier
    spend_id: Identifier
