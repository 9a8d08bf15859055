"""How a plan goes on: versions are added, and its merchant and currency never change. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from lutong_contracts.moments import EARLIEST
from lutong_membership.plans.domain.terms import Plan, Terms
from lutong_membership.values import Refusal

CURRENCY_DEFAULT: Final = "CNY"
WINDOW_DEFAULT: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a merchant wants to offer from now on. What is None stays as it was."""

    plan_id: str
    merchant_id: str
    line_limit_minor: int
    currency: str | None = None
    terms: Terms | None = None


def next_version(offer: Offer, latest: Plan | None) -> Plan | Refusal:
    """The plan as it is to be written, after its latest version. The store gives it its number."""
    if latest is None:
        currency = offer.currency or CURRENCY_DEFAULT
        return Plan(offer.plan_id, offer.merchant_id, currency, offer.line_limit_minor, terms=offer.terms or Terms())
    if latest.merchant_id != offer.merchant_id:
        return Refusal("plan_taken", f"plan {offer.plan_id!r} belongs to another merchant: use another id")
    if offer.currency not in {None, latest.currency}:
        return Refusal("currency_fixed", f"plan {offer.plan_id!r} is in {latest.currency}: open a new plan instead")
    return replace(latest, line_limit_minor=offer.line_limit_minor, terms=offer.terms or latest.terms)


class Window(NamedTuple):
    """The part of time that a report looks at, [since, until)."""

    since: datetime
    until: datetime


def window(since: datetime | None, until: datetime | None, now: datetime) -> Window | Refusal:
    """The window that was asked for: until now, and of thirty days, unless another one is given."""
    until = until or now
    since = since or max(until, EARLIEST + WINDOW_DEFAULT) - WINDOW_DEFAULT
    if not since < until <= now:
        return Refusal("bad_window", "the window must begin before it ends, and end by now")
    return Window(since, until)
