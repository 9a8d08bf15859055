"""What may be expected of a program's page views. Pure: no clock, no database, no ids made here."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from lutong_registry.traffic.domain.ledger import Account

_DAYS: Final = 7


class Forecast(NamedTuple):
    """By the last seven days, how many page views come and go a day, and for how many days they last; what ends in the next seven."""

    granted_per_day: float
    spent_per_day: float
    lasts_days: float | None
    expiring: list[Mapping[str, Any]]


def of(account: Account, lately: Mapping[str, int], now: datetime) -> Forecast:
    """A forecast after what was granted and spent in the last seven days (`grant` and `spend`)."""
    granted, spent = (lately.get(kind, 0) / _DAYS for kind in ("grant", "spend"))
    goes = spent - granted
    soon = [lot for lot in account.lots if lot.remaining and lot.expires_at <= now + timedelta(days=_DAYS)]
    expiring: list[Mapping[str, Any]] = [{"expires_at": lot.expires_at, "pv": lot.remaining} for lot in soon]
    return Forecast(
        round(granted, 1), round(spent, 1), round(account.available / goes, 1) if goes > 0 else None, expiring
    )
