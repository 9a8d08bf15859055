"""Coupons: issued from a stock, reserved for an order, redeemed with it, returned when it comes to nothing. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from lutong_contracts.membership import CouponIssued, CouponLapsed
from lutong_contracts.sentences import counted
from lutong_contracts.values import Money
from lutong_membership.plans.domain.calendar import Calendar
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.values import Emitted, Refusal

CouponState = Literal["issued", "reserved", "redeemed", "returned", "expired", "voided"]

COUPON_LIFE: Final[Mapping[CouponState, tuple[CouponState, ...]]] = {
    "issued": ("reserved", "expired", "voided"),
    "reserved": ("redeemed", "returned", "expired"),
    "redeemed": (),
    "returned": ("reserved", "expired", "voided"),
    "expired": (),
    "voided": (),
}
"""A coupon that was redeemed stays so, also when the order is refunded: otherwise one coupon buys again and again."""

USABLE: Final[tuple[CouponState, ...]] = ("issued", "returned")


@dataclass(frozen=True, slots=True)
class Stock:
    """Coupons of one kind: so much off from a minimum on, in bounds that no crowd can break."""

    stock_id: str
    merchant_id: str
    currency: str
    amount_off_minor: int
    minimum_minor: int
    total: int
    daily_total: int
    member_total: int
    valid_days: int
    zone: str = "Asia/Shanghai"
    paused: bool = False
    issued: int = 0
    issued_today: int = 0
    today: date | None = None


@dataclass(frozen=True, slots=True)
class Coupon:
    """One coupon of a member. `agreement_id` is set when it is a benefit of that agreement."""

    coupon_id: str
    stock_id: str
    member_id: str
    merchant_id: str
    currency: str
    amount_off_minor: int
    minimum_minor: int
    expires_at: datetime
    ordinal: int
    member_total: int
    state: CouponState = "issued"
    agreement_id: str | None = None
    order_id: str | None = None

    def moved(self, state: CouponState, **changes: object) -> "Coupon":
        """The coupon in another state, which must be one that may follow."""
        if state not in COUPON_LIFE[self.state]:
            raise RuntimeError(f"coupon {self.coupon_id} is {self.state}: {state} cannot follow")
        return replace(self, state=state, **changes)  # type: ignore[arg-type]  # fields of this class

    def returned(self, now: datetime) -> "Coupon":
        """The order came to nothing: the coupon can be used again, unless its time is over."""
        return self.moved("returned" if now < self.expires_at else "expired", order_id=None)

    def was_earned(self, listed: Money | None) -> bool:
        """Whether what came of an order, at its list price, is as much as this asks for; None is all that was ordered."""
        return listed is None or listed.amount_minor >= self.minimum_minor


class Issued(NamedTuple):
    """A stock after a coupon was taken from it, and the coupon."""

    stock: Stock
    coupon: Coupon


class Holder(NamedTuple):
    """The member who is given a coupon, and the agreement that it is a benefit of, if any."""

    member_id: str
    agreement_id: str | None = None


def issue(stock: Stock, coupon_id: str, holder: Holder, issued_before: int, clock: Clock) -> Issued | Refusal:
    """Take one coupon from a stock for a member who was given so many of it before."""
    today = clock.now.astimezone(ZoneInfo(stock.zone)).date()
    issued_today = stock.issued_today if stock.today == today else 0
    if stock.paused:
        return Refusal("stock_paused", f"no coupons are given out of {stock.stock_id!r} at present")
    if stock.issued >= stock.total:
        return Refusal(
            "stock_empty", f"stock {stock.stock_id!r} had {counted(stock.total, 'coupon')}, and all are given out"
        )
    if issued_today >= stock.daily_total:
        return Refusal("daily_total_reached", f"{counted(stock.daily_total, 'coupon')} a day: ask again tomorrow")
    if issued_before >= stock.member_total:
        return Refusal(
            "member_total_reached", f"a member may have {counted(stock.member_total, 'coupon')} of {stock.stock_id!r}"
        )
    coupon = Coupon(
        coupon_id=coupon_id,
        stock_id=stock.stock_id,
        member_id=holder.member_id,
        merchant_id=stock.merchant_id,
        currency=stock.currency,
        amount_off_minor=stock.amount_off_minor,
        minimum_minor=stock.minimum_minor,
        expires_at=Calendar(stock.zone, clock.day).plus_days(clock.now, stock.valid_days),
        ordinal=issued_before + 1,
        member_total=stock.member_total,
        agreement_id=holder.agreement_id,
    )
    taken = replace(stock, issued=stock.issued + 1, issued_today=issued_today + 1, today=today)
    return Issued(taken, coupon)


def issued_events(coupon: Coupon) -> tuple[Emitted, ...]:
    """The member has the coupon, until it lapses."""
    event = CouponIssued(
        coupon_id=coupon.coupon_id,
        stock_id=coupon.stock_id,
        member_id=coupon.member_id,
        merchant_id=coupon.merchant_id,
        amount_off=Money(amount_minor=coupon.amount_off_minor, currency=coupon.currency),
        expires_at=coupon.expires_at,
    )
    return Emitted(event), Emitted(CouponLapsed(coupon_id=coupon.coupon_id), coupon.expires_at)


def why_not_usable(
    coupon: Coupon | None, member_id: str, merchant_id: str, total_minor: int, now: datetime
) -> str | None:
    """Why a coupon cannot be used for an order at this list price, if it cannot. Another's coupon is no coupon."""
    if coupon is None or (coupon.member_id, coupon.merchant_id) != (member_id, merchant_id):
        return "no_coupon"
    if coupon.state not in USABLE:
        return "coupon_used"
    if coupon.expires_at <= now:
        return "coupon_expired"
    if total_minor < coupon.minimum_minor:
        return "below_coupon_minimum"
    return None


def voided(coupon: Coupon) -> Coupon | Refusal:
    """The coupon taken back, unless an order uses it."""
    if coupon.state not in USABLE:
        return Refusal("coupon_in_use", f"coupon {coupon.coupon_id!r} is {coupon.state}: it cannot be taken back")
    return coupon.moved("voided")


def has_lapsed(coupon: Coupon, now: datetime) -> bool:
    """Whether the coupon was not used in time. One that is reserved waits for its order."""
    return coupon.state in USABLE and coupon.expires_at <= now
