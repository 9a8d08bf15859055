"""Events of the registry about traffic rewards: page views that programs earn, spend and lose."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from lutong_contracts.enumerations import Open
from lutong_contracts.event import Event
from lutong_contracts.topics import TRAFFIC
from lutong_contracts.values import Identifier, Instant, Reason


class TrafficGranted(Event, topic=TRAFFIC, key="program_id"):
    """So many visitors that a merchant brought itself on a day (Asia/Shanghai) earned their program page views, by rule `rule_id`."""

    program_id: Identifier
    day: date
    rule_id: int = Field(ge=1)
    visitors: int = Field(ge=1)
    pv: int = Field(ge=1)


class TrafficReserved(Event, topic=TRAFFIC, key="program_id"):
    """A slot of the feed has page views of a program set aside, until they are confirmed or released.

    Of a promotion they are an allowance: the feed may show so many until `ends_at`, and answers what it showed.
    """

    program_id: Identifier
    spend_id: Identifier
    placement: Reason
    pv: int = Field(ge=1)
    promotion_id: Identifier | None = None
    ends_at: Instant | None = None


class PromotionChanged(Event, topic=TRAFFIC, key="program_id"):
    """A merchant promotes a program in a placement with so many page views at most, until `ends_at`; or does no more."""

    program_id: Identifier
    promotion_id: Identifier
    placement: Reason
    state: Annotated[str, Open(Literal["open", "ended"])]
    pv: int = Field(ge=1)
    ends_at: Instant


class TrafficSpendLapsed(Event, topic=TRAFFIC, key="program_id"):
    """A spend was to be confirmed by now: it is released if it was not. The registry's word to itself."""

    program_id: Identifier
    spend_id: Identifier


class TrafficSettled(Event, topic=TRAFFIC, key="program_id"):
    """A spend is over: so many of its page views were shown, and are spent; the others went back. None were when it was released."""

    program_id: Identifier
    spend_id: Identifier
    used: int = Field(ge=0)


class TrafficExpiryDue(Event, topic=TRAFFIC, key="program_id"):
    """What a program earned on a day ends now. The registry's word to itself."""

    program_id: Identifier
    day: date


class TrafficExpired(Event, topic=TRAFFIC, key="program_id"):
    """Page views ended before they were spent."""

    program_id: Identifier
    pv: int = Field(ge=1)


class TrafficReversed(Event, topic=TRAFFIC, key="program_id"):
    """An operator took back what visitors of a day had earned. `debt` is what was spent already: the next grants pay it."""

    program_id: Identifier
    day: date
    pv: int = Field(ge=1)
    debt: int = Field(ge=0)
    reason: Reason
