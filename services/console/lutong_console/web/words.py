"""Words of enumerations as people read them: states, reasons and kinds that services answer. `locale/zh.po` has the Chinese of each."""

from typing import Final

WORDS: Final = {
    "open": "open", "paused": "paused", "closed": "closed",
    "store": "store", "flagship": "flagship", "distribution_centre": "distribution centre",
    "delivery": "delivery", "pickup": "pickup",
    "sourced": "new", "accepted": "accepted", "picked": "picked", "ready_for_pickup": "ready for pickup",
    "handed_over": "handed over", "fulfilled": "delivered", "cancelled": "cancelled", "rejected": "rejected",
    "collected": "collected", "lapsed": "lapsed",
    "sold_out": "sold out", "damaged": "damaged", "rush_hour": "rush hour", "short": "too few on the shelf",
    "held": "held", "captured": "captured", "released": "released", "expired": "expired", "declined": "declined",
    "no_show": "not picked up", "release": "all is given back", "keep": "a fee is kept",
    "received": "received", "reserved": "reserved", "shipped": "shipped", "adjusted": "adjusted", "counted": "counted",
    "returned": "returned", "transferred": "transferred",
    "in_stock": "in stock", "low_stock": "few left", "out_of_stock": "out of stock",
    "higher": "higher", "lower": "lower", "no_effect_found": "no effect found", "not_enough_data": "not enough data",
    "order_value": "order value", "order_frequency": "orders per buyer, 30 days", "repurchase": "repurchase",
    "new_customers": "new customers", "card_opening": "cards opened", "coupon_use": "coupons used",
    "impressions": "impressions", "opens": "opens", "taps": "taps", "requests": "requests", "settled": "settled",
    "submitted": "in review", "approved": "approved", "running": "under way", "reverting": "taking back",
    "stopped": "stopped", "completed": "completed",
    "draft": "draft", "quota_reserved": "scheduled", "sending": "sending", "sent": "sent", "partial": "sent to some",
    "recalled": "recalled",
    "calendar_week": "a calendar week", "rolling_7d": "any seven days",
    "granted": "earned", "spent": "spent", "reversed": "taken back", "bounced": "left at once",
    "looped": "came from a paid slot", "own_staff": "own staff", "too_many_sources": "too many sources",
    "capped": "above the limit of a day", "available": "available", "debt": "owed",
    "store_qr": "QR code of a store", "campaign": "campaign",
    "parked": "parked", "waiting": "waiting", "redriven": "handled again", "discarded": "discarded",
    "stores": "stores", "stock": "stock", "light-stores": "light stores", "turnover": "turnover", "plans": "plans",
    "programs": "mini-programs",
    "publish": "post", "discover": "card", "tap": "card opened", "request": "ordered", "hold": "credit held",
    "source": "store found", "deliver": "delivered", "capture": "captured", "show": "shown to the reader",
    "refund": "taken back", "close": "post deleted",
    "home": "home feed", "square": "square of mini-programs", "for_you": "for you",
    "hottest": "most users", "growth": "fastest growth",
    "done": "done", "failed": "failed", "provider_silent": "nothing was reported in time",
    "cancelled_by_member": "cancelled by the member", "none": "not declared", "declared": "declared, not granted", "may_use": "granted",
    "pay": "payment", "credit": "credit", "identity": "identity", "coupons": "coupons", "location": "location",
    "viewer": "viewer", "operator": "operator", "admin": "admin", "merchant": "merchant",
}  # fmt: skip


def word(value: object) -> str:
    """The English word of a value; one that is not known is shown as it is, without underscores.

    >>> word("sold_out"), word("some_new_state")
    ('sold out', 'some new state')
    """
    return WORDS.get(str(value), str(value).replace("_", " "))
