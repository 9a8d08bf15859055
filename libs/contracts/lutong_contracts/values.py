"""Values that several events share. Bounds live here, so that no service has to remember them."""

import re
from datetime import date
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

IDENTIFIER_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}$"

Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER_PATTERN)]
"""An opaque id: letters, digits, dot, dash, underscore; 1 to 64 characters. Never a name or a phone number."""


def _printable(text: str) -> str:
    """Refuse what PostgreSQL cannot store (NUL, half of a surrogate pair) and what a terminal would obey (controls)."""
    if any(character < " " and character not in "\n\t" for character in text) or "\x7f" in text:
        raise ValueError("must not contain control characters other than newline and tab")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must not contain half of a surrogate pair")
    return text


Printable = AfterValidator(_printable)

Text = Annotated[str, Printable]
"""Unicode text without control characters. Add a length bound where it is used."""

Title = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True), Printable]
"""One line that a person reads: a service's name, an offer's name."""

PAGE_PATTERN: Final = (
    r"^[A-Za-z0-9_\-][A-Za-z0-9_\-.]*(/[A-Za-z0-9_\-][A-Za-z0-9_\-.]*)*(\?[A-Za-z0-9_\-.~%=&+:?@!$'()*,;]*)?$"
)
"""The path of a page as mini-programs have it, subpackages (`packageA/pages/view`) and a query (RFC 3986) included."""

Reason = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{2,39}$")]
"""Why something was refused or ended: a stable snake_case word, for programs and people alike."""


def _written_out(value: object) -> object:
    """Refuse what pydantic would take for seconds since 1970: `0` and `"0.5"` are no dates."""
    if isinstance(value, date) or (isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}", value)):
        return value
    raise ValueError("should begin with a date as RFC 3339 has it: 2026-01-31")


YEARS: Final = range(1970, 3000)
"""The years of dates in requests: with any offset or term added, UTC and PostgreSQL can still say them."""

D = TypeVar("D", bound=date)


def _within_bounds(value: D) -> D:
    if value.year not in YEARS:
        raise ValueError(f"must be between {YEARS[0]}-01-01 and {YEARS[-1]}-12-31")
    return value


_Bounded: Final = AfterValidator(_within_bounds)

Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written_out), _Bounded]
"""A date and time with its offset, as somebody writes it in a request."""

Day = Annotated[date, Field(strict=False), BeforeValidator(_written_out), _Bounded]
"""A date, as somebody writes it in a request."""

VersionNumber = Annotated[int, Field(ge=1, le=1_000_000)]
"""Which version of a thing that has several: 1, 2, 3, …"""

Mode = Literal["delivery", "pickup"]
"""How goods reach the member: timed delivery from the location, or picked up in store."""

LocationKind = Literal["store", "flagship"]


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


class Line(Value):
    """One line of an order. Two lines may name the same SKU: add demand up before checking it."""

    sku: Identifier
    units: int = Field(ge=1, le=10_000)
    unit_price_minor: int = Field(ge=0, le=10**9)


class Offer(Value):
    """Something a mini-program sells: what a line of an order may name, at this price."""

    sku: Identifier
    title: Title
    unit_price: Money
