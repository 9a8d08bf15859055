"""What a plan promises and what it asks for: templates, checked when they are written and pinned when they are signed.

The classes are pydantic dataclasses: one definition checks what a merchant sends, is stored with
its version, and is what the rules read. Money is in minor units of the plan's currency.
"""

from datetime import time
from typing import Annotated, Literal

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    model_serializer,
    model_validator,
)
from pydantic.dataclasses import dataclass

from lutong_contracts.values import Day, Identifier, Title, Zone
from lutong_membership.plans.domain.calendar import Window

STRICT = ConfigDict(extra="forbid")

Minor = Annotated[int, Field(ge=0, le=10**12, description="in minor units")]
Days = Annotated[int, Field(ge=0, le=3660)]
Months = Annotated[int, Field(ge=1, le=120)]


@dataclass(frozen=True, slots=True, config=STRICT)
class Span:
    """For so many months and days: from the moment of signing, or from the midnight after it."""

    kind: Literal["relative", "from_tomorrow"]
    days: Days = 0
    months: Annotated[int, Field(ge=0, le=120)] = 0

    @model_validator(mode="after")
    def _has_a_length(self) -> "Span":
        if not self.days and not self.months:
            raise ValueError("a period lasts at least one day: give days or months")
        return self


@dataclass(frozen=True, slots=True, config=STRICT)
class FixedDay:
    """From signing until a day of the month begins, for the nth time. The 31st is the last day of a shorter month."""

    kind: Literal["fixed_day"]
    day: Annotated[int, Field(ge=1, le=31)]
    months: Months = 1


@dataclass(frozen=True, slots=True, config=STRICT)
class Appointed:
    """Between two dates, both included, whenever it was signed."""

    kind: Literal["appointed"]
    first_day: Day
    last_day: Day

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "Appointed":
        if self.last_day < self.first_day:
            raise ValueError("last_day is before first_day")
        return self


Period = Annotated[Span | FixedDay | Appointed, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True, config=STRICT)
class Times:
    """Buy so many times within the period."""

    kind: Literal["times"]
    times: Annotated[int, Field(ge=1, le=10_000)]


@dataclass(frozen=True, slots=True, config=STRICT)
class Amount:
    """Spend so much within the period."""

    kind: Literal["amount"]
    amount_minor: Annotated[int, Field(ge=1, le=10**12)]


Obligation = Annotated[Times | Amount, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True, config=STRICT)
class Right:
    """Something that a member may use so many times, worth so much each time."""

    right_id: Identifier
    title: Title
    times: Annotated[int, Field(ge=1, le=1_000)]
    value_minor: Minor


@dataclass(frozen=True, slots=True, config=STRICT)
class Grant:
    """Coupons that a member is given when they sign."""

    stock_id: Identifier
    coupons: Annotated[int, Field(ge=1, le=20)] = 1


@dataclass(frozen=True, slots=True, config=STRICT)
class Benefits:
    """What a member enjoys first: a discount on every order, rights, and coupons."""

    discount_percent: Annotated[int, Field(ge=0, le=90)] = 0
    rights: Annotated[tuple[Right, ...], Field(max_length=20)] = ()
    coupons: Annotated[tuple[Grant, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _each_is_named_once(self) -> "Benefits":
        for ids in ([right.right_id for right in self.rights], [grant.stock_id for grant in self.coupons]):
            if len(set(ids)) < len(ids):
                raise ValueError("each right and each stock of coupons may be named once")
        return self


@dataclass(frozen=True, slots=True, config=STRICT)
class ByBenefit:
    """Who did not fulfil pays back what was enjoyed."""

    kind: Literal["by_benefit"]


@dataclass(frozen=True, slots=True, config=STRICT)
class Tier:
    """What is charged from so many fulfilled times on."""

    times: Annotated[int, Field(ge=0, le=10_000)]
    charge_minor: Minor


@dataclass(frozen=True, slots=True, config=STRICT)
class ByTimes:
    """Who did not fulfil pays by how far they came; never more than what was enjoyed."""

    kind: Literal["by_times"]
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _falls_from_zero_on(self) -> "ByTimes":
        times = [tier.times for tier in self.tiers]
        charges = [tier.charge_minor for tier in self.tiers]
        if times[0] != 0 or times != sorted(set(times)) or charges != sorted(charges, reverse=True):
            raise ValueError("tiers begin at 0 times, rise in times, and never rise in charge")
        return self


Settlement = Annotated[ByBenefit | ByTimes, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True, config=STRICT)
class Withholding:
    """How a charge is limited and collected. The cap is shown before signing: no charge is ever above it."""

    cap_minor: Annotated[int, Field(ge=1, le=10**12)]
    exempt_minor: Minor = 0
    delay_days: Days = 0
    grace_days: Days = 7
    notice_days: Annotated[int, Field(ge=1, le=60)] = 2
    window_opens: time = time(7, 10)
    window_closes: time = time(21, 50)

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> "Withholding":
        if self.window_opens.tzinfo or self.window_closes.tzinfo or not self.window_opens < self.window_closes:
            raise ValueError("window_opens must be before window_closes, both without a zone")
        return self

    @property
    def window(self) -> Window:
        """When a member may be charged."""
        return Window(self.window_opens, self.window_closes)


@dataclass(frozen=True, slots=True, config=STRICT)
class Payment:
    """When goods must be paid, and what happens when they are not. Without days they are never overdue."""

    days: Annotated[int, Field(ge=1, le=365)] | None = None
    remind_days: Annotated[int, Field(ge=1, le=365)] = 1
    block_days: Annotated[int, Field(ge=1, le=365)] = 7
    suspend_days: Annotated[int, Field(ge=1, le=365)] = 30
    write_off_days: Annotated[int, Field(ge=1, le=3650)] = 90

    @model_validator(mode="after")
    def _steps_are_in_order(self) -> "Payment":
        if not self.remind_days < self.block_days < self.suspend_days < self.write_off_days:
            raise ValueError("the steps come one after the other: remind, block, suspend, write off")
        return self


@dataclass(frozen=True, slots=True, config=STRICT)
class Quitting:
    """Whether a member may leave early; within the first days it costs nothing."""

    allowed: bool = True
    cooling_off_days: Days = 0


@dataclass(frozen=True, slots=True, config=STRICT)
class Terms:
    """A plan as it is signed. Without a period it has no end, asks for nothing and charges nothing."""

    zone: Zone = "Asia/Shanghai"
    period: Period | None = None
    obligation: Obligation | None = None
    benefits: Benefits = Benefits()
    settlement: Settlement | None = None
    withholding: Withholding | None = None
    payment: Payment = Payment()
    quitting: Quitting = Quitting()
    sign_interval_days: Days = 0
    holdout_percent: Annotated[int, Field(ge=0, le=50)] = 0
    flagship_ok: bool = False
    """Whether who signs agrees that the flagship sends what a store cannot, without being asked then."""
    no_show: Literal["release", "keep"] = "release"
    """What becomes of the credit for an order that nobody picks up: all of it is given back, or `no_show_fee_minor` is kept."""
    no_show_fee_minor: Minor = 0
    """What an order costs that nobody picks up, when something is kept: never more than the order."""

    @model_validator(mode="after")
    def _holds_together(self) -> "Terms":
        parts = (self.obligation, self.settlement, self.withholding)
        if any(parts) and not all((self.period, *parts)):
            raise ValueError(
                "a plan that charges needs period, obligation, settlement and withholding; leave all or give all"
            )
        if (self.no_show == "keep") != bool(self.no_show_fee_minor):
            raise ValueError("no_show is keep with a no_show_fee_minor of 1 or more, or release without one")
        return self

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Terms that do not use what is new are written as they were: they are the same version, and the release before reads them."""
        written: dict[str, object] = write(self)
        if not self.flagship_ok:
            del written["flagship_ok"]
        if self.no_show == "release":
            del written["no_show"], written["no_show_fee_minor"]
        return written

    @property
    def cap_minor(self) -> int:
        """The most that can ever be charged: the price of failure."""
        return self.withholding.cap_minor if self.withholding else 0


@dataclass(frozen=True, slots=True)
class Plan:
    """One version of a merchant's plan. A version never changes."""

    plan_id: str
    merchant_id: str
    currency: str
    line_limit_minor: int
    version: int = 1
    terms: Terms = Terms()


TERMS = TypeAdapter(Terms)
"""Terms to and from JSON."""
