"""What scenarios of several services have in common."""

from typing import Final

from lutong_contracts.values import Money
from tests.support.builders import SHANGHAI

AMAP: Final = {"host_id": "amap", "title_zh": "高德", "title_en": "Amap"}
STORE: Final = {
    "merchant_id": "shop",
    "location_id": "near",
    "kind": "store",
    "place": SHANGHAI,
    "zone": "Asia/Shanghai",
    "modes": ("delivery",),
}
PLAN: Final = {
    "plan_id": "light",
    "merchant_id": "shop",
    "version": 1,
    "title": "轻会员",
    "line_limit": Money(amount_minor=100_000, currency="CNY"),
    "charge_cap": Money(amount_minor=0, currency="CNY"),
    "discount_percent": 10,
}
CHARGE: Final = Money(amount_minor=100, currency="CNY")
