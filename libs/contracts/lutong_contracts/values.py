"""Values that several events share. Bounds live here, so that no service has to remember them."""

import re
from datetime import date, datetime
from functools import cache
from typing import Annotated, Final, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from lutong_contracts.enumerations import Open
from lutong_contracts.moments import in_utc, moment_of

IDENTIFIER_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}$"

Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER_PATTERN)]
"""An opaque id: letters, digits, dot, dash, underscore; 1 to 64 characters. Never a name or a phone number."""


def _lf(text: object) -> object:
    """A line ends with LF: forms send CR LF, which would count as two characters."""
    return text.replace("\r\n", "\n") if isinstance(text, str) else text


def _printable(text: str) -> str:
    """Refuse what PostgreSQL cannot store (NUL, half of a surrogate pair) and what a terminal would obey (controls)."""
    if any(character < " " and character not in "\n\t" for character in text) or "\x7f" in text:
        raise ValueError("must not contain control characters other than newline and tab")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must not contain half of a surrogate pair")
    return text


Printable = AfterValidator(_printable)

Text = Annotated[str, BeforeValidator(_lf), Printable]
"""Unicode text without control characters; CR LF is taken as LF. Add a length bound where it is used."""

_UNSEEN: Final = frozenset(
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060\u2061\u2062\u2063\u2064\u2800\u3164\ufeff\uffa0"
)
"""Characters that show nothing and join nothing: soft hyphen, fillers, zero width, blank braille."""

_JOINERS: Final = frozenset("\u061c\u200c\u200d\u200e\u200f\ufe0e\ufe0f")
"""Characters that show nothing alone and have their use between others: in Persian, in emoji, in mixed directions."""

_TURNS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Embeddings, overrides and isolates of direction: a name would read as another."""

_LINE_ENDS: Final = frozenset("\n\t\x0b\x0c\x85\u2028\u2029")


def has_something(text: str) -> bool:
    """Whether a text has anything that can be seen.

    >>> has_something("a"), has_something(" \N{HANGUL FILLER}")
    (True, False)
    """
    return not all(character.isspace() or character in _UNSEEN or character in _JOINERS for character in text)


def _visible(text: str) -> str:
    """Refuse what looks empty."""
    if text and not has_something(text):
        raise ValueError("must have something that can be seen")
    return text


def _one_line(text: str) -> str:
    """Refuse in a name what reads as two lines, as nothing, or as another name."""
    found = {*text}
    if found & _LINE_ENDS:
        raise ValueError("must be one line, without tabs")
    if found & (_UNSEEN | _TURNS):
        raise ValueError("must not contain characters that are invisible or turn the direction of others")
    return _visible(text)


Visible = AfterValidator(_visible)

OneLine = AfterValidator(_one_line)

Title = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True), Printable, OneLine]
"""One line that a person reads: a service's name, an offer's name."""

PAGE_PATTERN: Final = (
    r"^[A-Za-z0-9_\-][A-Za-z0-9_\-.]*(/[A-Za-z0-9_\-][A-Za-z0-9_\-.]*)*(\?[A-Za-z0-9_\-.~%=&+:?@!$'()*,;]*)?$"
)
"""The path of a page as mini-programs have it, subpackages (`packageA/pages/view`) and a query (RFC 3986) included."""

CLOCK_PATTERN: Final = r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$"
"""A time of day: `00:00` to `24:00`."""

_SPAN: Final = r"[1-7](-[1-7])?(,[1-7](-[1-7])?)*"
_HOURS: Final = rf"({_SPAN} )?([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)"
HOURS_PATTERN: Final = rf"^{_HOURS}(;{_HOURS})*$"
"""Opening hours as files have them: `1-5 09:00-22:00;6,7 10:00-20:00`, Monday is 1."""

Reason = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{2,39}$")]
"""Why something was refused or ended: a stable snake_case word, for programs and people alike."""


def _written_out(value: object) -> object:
    """Refuse what pydantic would take for seconds since 1970: `0` and `"0.5"` are no dates."""
    if isinstance(value, date) or (isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}", value)):
        return value
    raise ValueError("should begin with a date as RFC 3339 has it: 2026-01-31")


def _moment(value: object) -> object:
    if isinstance(value, str):
        return moment_of(value)
    if isinstance(value, datetime):
        return in_utc(value)
    raise ValueError("should be a text such as 2026-01-31T08:00:00+08:00")


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_moment)]
"""A date and time with its offset, in an event or a request: RFC 3339, in UTC once it is read (`moments.py` has the bounds)."""

Instant = Moment
"""What an event calls a `Moment`."""

Day = Annotated[date, Field(strict=False), BeforeValidator(_written_out)]
"""A date of the years 1 to 9999, as a request states it."""


@cache
def _zones() -> set[str]:
    """All that this machine knows; finding them means reading folders."""
    return available_timezones()


def _zone(name: str) -> str:
    if name not in _zones():
        raise ValueError(f"{name!r} is not a time zone: use an IANA name such as Asia/Shanghai")
    return name


Zone = Annotated[str, AfterValidator(_zone), Field(json_schema_extra={"format": "iana-time-zone"})]
"""A time zone by its IANA name, as requests have it."""

VersionNumber = Annotated[int, Field(ge=1, le=1_000_000)]
"""Which version of a thing that has several: 1, 2, 3, …"""

Mode = Literal["delivery", "pickup"]
"""How goods reach the member: timed delivery from the location, or picked up in store."""

LocationKind = Literal["store", "flagship"]
"""What a place that goods come from is."""

StockBand = Literal["out_of_stock", "limited_availability", "in_stock"]
"""How much of a SKU can be promised, in the words that schema.org and Google's product data have for it."""

AnyMode = Annotated[str, Open(Mode)]
"""A `Mode` in an event: a newer version may write others."""

AnyLocationKind = Annotated[str, Open(LocationKind)]
"""A `LocationKind` in an event: the same."""

AnyServedBy = Annotated[str, Open(Literal["store", "flagship", "provider"])]
"""Who served an order, in an event: a location by its kind, or the merchant itself, of a service without goods."""

AnyStockBand = Annotated[str, Open(StockBand)]
"""A `StockBand` in an event: the same."""


class Value(BaseModel):
    """Base of all values on the wire: immutable, and tolerant of fields added later."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Money(Value):
    """An amount in minor units (fen, cents) of one ISO 4217 currency. Never a float."""

    amount_minor: int = Field(ge=0, le=10**12)
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = Field(examples=["CNY"])


class Place(Value):
    """Where something is, in WGS-84 degrees.

    For a person it is rounded to two decimals (about a kilometre) before it travels: enough to
    find the nearest store, too little to find the person.
    """

    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False)
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False)

    def coarse(self) -> "Place":
        """The same place, rounded to what may leave the service that knows it."""
        return Place(latitude=round(self.latitude, 2), longitude=round(self.longitude, 2))


class Window(Value):
    """From when until when something happens."""

    starts_at: Instant
    ends_at: Instant


class Line(Value):
    """One line of an order. Two lines may name the same SKU: add demand up before checking it."""

    sku: Identifier
    units: int = Field(ge=1, le=10_000)
    unit_price_minor: int = Field(ge=0, le=10**9)


class Units(Value):
    """So many of one SKU."""

    sku: Identifier
    units: int = Field(ge=1, le=10**6)


class Offer(Value):
    """Something a mini-program sells: what a line of an order may name, at this price."""

    sku: Identifier
    title: Title
    unit_price: Money
    provided: bool = Field(
        default=False,
        description="A service without goods: the merchant itself does it, no store has it, and it has no stock.",
    )
