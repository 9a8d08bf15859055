"""How figures of uplift are written, in the table and in the picture."""

from collections.abc import Callable, Mapping
from typing import Any, Final

KPI_NAMES: Final[Mapping[str, str]] = {
    "order_value": "order value 客单价",
    "order_frequency": "orders per buyer, 30 days 购买频次",
    "repurchase": "repurchase 复购率",
    "new_customers": "new customers 新客",
    "card_opening": "card opening 开卡率",
    "coupon_use": "coupon use 用券率",
}
VERDICTS: Final[Mapping[str, str]] = {
    "higher": "higher",
    "lower": "lower",
    "no_effect_found": "no effect found",
    "not_enough_data": "not enough data",
}
_DECIMALS: Final[Mapping[str, int]] = {"JPY": 0, "KRW": 0, "VND": 0, "KWD": 3, "BHD": 3}
"""Digits of minor units, where they are not two (ISO 4217)."""


def amount(value: float | None, unit: str, currency: str, *, signed: bool = False) -> str:
    """A figure as people read it: money in whole units, shares in percent. Signed is a difference: percentage points."""
    if value is None:
        return "–"
    sign = "+" if signed else ""
    if unit == "minor":
        decimals = _DECIMALS.get(currency, 2)
        return f"{value / 10**decimals:{sign},.{decimals}f} {currency}"
    if unit == "share":
        return f"{100 * value:{sign}.1f} {'pp' if signed else '%'}"
    return f"{value:{sign}.2f}"


def span(interval: Mapping[str, Any], written: Callable[[float], str]) -> str:
    """A value and its interval."""
    return f"{written(interval['value'])} ({written(interval['low'])} to {written(interval['high'])})"
