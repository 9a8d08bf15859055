"""Coupons: events from the day they are issued."""

from lutong_contracts.event import Event
from lutong_contracts.topics import COUPONS
from lutong_contracts.values import Identifier, Instant, Money, Reason


class CouponIssued(Event, topic=COUPONS, key="coupon_id"):
    """A member was given a coupon: so much off an order of a merchant, until `expires_at`."""

    coupon_id: Identifier
    stock_id: Identifier
    member_id: Identifier
    merchant_id: Identifier
    amount_off: Money
    expires_at: Instant


class CouponReserved(Event, topic=COUPONS, key="coupon_id"):
    """A coupon is set aside for an order."""

    coupon_id: Identifier
    order_id: Identifier


class CouponRedeemed(Event, topic=COUPONS, key="coupon_id"):
    """A coupon was used up with the order that it was set aside for."""

    coupon_id: Identifier
    order_id: Identifier


class CouponReturned(Event, topic=COUPONS, key="coupon_id"):
    """The order came to nothing: the coupon may be used again."""

    coupon_id: Identifier
    order_id: Identifier


class CouponLapsed(Event, topic=COUPONS, key="coupon_id"):
    """A deadline: the last moment of a coupon has passed."""

    coupon_id: Identifier


class CouponExpired(Event, topic=COUPONS, key="coupon_id"):
    """A coupon was not used in time."""

    coupon_id: Identifier


class CouponVoided(Event, topic=COUPONS, key="coupon_id"):
    """An operator took a coupon back."""

    coupon_id: Identifier
    reason: Reason
