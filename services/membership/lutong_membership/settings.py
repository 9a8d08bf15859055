"""What an operator may set for membership, read once from LUTONG_* variables and secret files, and frozen."""

from datetime import timedelta
from typing import Annotated, Final, Self

from pydantic import Field, HttpUrl, SecretStr, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lutong_membership.plans.domain.clock import CLAIM_LIFE_DEFAULT, HOLD_LIFE_DEFAULT, OFFER_LIFE_DEFAULT
from lutong_membership.thresholds import PERIOD_DEFAULT, PROPOSAL_LIFE_DEFAULT, Policy

_LOOPBACK: Final = frozenset({"127.0.0.1", "[::1]", "localhost"})

_ONE: Final = r"[A-Z]{3}=[0-9]{1,13}"
PerCurrency = Annotated[str, StringConstraints(pattern=rf"^({_ONE}(,{_ONE})*)?$")]
"""Amounts in minor units by currency: `CNY=10000,JPY=2000`."""


class MembershipSettings(BaseSettings):
    """How long things last, and what an operator decides alone."""

    model_config = SettingsConfigDict(env_prefix="LUTONG_", frozen=True, extra="ignore", allow_inf_nan=False)

    assessment_patience_s: float = Field(
        30.0, gt=0, le=315_360_000, description="how long a newcomer's order waits for a provider that does not answer"
    )
    offer_life_s: float = Field(
        OFFER_LIFE_DEFAULT.total_seconds(), gt=0, le=315_360_000, description="life of an offer to sign"
    )
    hold_life_s: float = Field(
        HOLD_LIFE_DEFAULT.total_seconds(),
        gt=0,
        le=315_360_000,
        description="life of a hold that is neither captured nor released",
    )
    claim_life_s: float = Field(
        CLAIM_LIFE_DEFAULT.total_seconds(),
        gt=0,
        le=315_360_000,
        description="life of a member's claim to have paid, without evidence",
    )
    four_eyes_above: PerCurrency = Field(
        "CNY=10000,JPY=2000,KWD=4000",
        description="waivers, write-offs and payouts to one member in a period above it need a second operator",
    )
    four_eyes_operator_above: PerCurrency = Field(
        "CNY=100000,JPY=20000,KWD=40000", description="the same, by one operator to all members"
    )
    line_raise_above: PerCurrency = Field(
        "CNY=100000,JPY=20000,KWD=40000",
        description="raises of one member's line in a period above it need a second operator",
    )
    line_raise_operator_above: PerCurrency = Field(
        "CNY=1000000,JPY=200000,KWD=400000", description="the same, by one operator for all members"
    )
    line_max: PerCurrency = Field(
        "CNY=5000000,JPY=1000000,KWD=2000000", description="a line above it needs a second operator, however it grew"
    )
    four_eyes_period_s: float = Field(
        PERIOD_DEFAULT.total_seconds(),
        gt=0,
        le=315_360_000,
        description="that period; a currency that is not named needs two at once",
    )
    proposal_life_s: float = Field(
        PROPOSAL_LIFE_DEFAULT.total_seconds(),
        gt=0,
        le=315_360_000,
        description="how long a second operator may approve a proposal",
    )
    four_eyes_above_minor: int | None = Field(None, description="refused: use LUTONG_FOUR_EYES_ABOVE")
    viewers_are_members: bool = Field(
        default=True,
        description="whether a viewer without a binding orders as the member of the same id; false: they are declined",
    )
    plan_day_s: float | None = Field(
        None, gt=0, le=315_360_000, description="how long a plan's day lasts, for tests; unset: a day of the calendar"
    )

    @model_validator(mode="after")
    def _a_threshold_has_a_currency(self) -> Self:
        if self.four_eyes_above_minor is not None:
            amount = f"CNY={self.four_eyes_above_minor}"
            raise ValueError(
                f"LUTONG_FOUR_EYES_ABOVE_MINOR has no currency: set LUTONG_FOUR_EYES_ABOVE={amount} instead, and every "
                "other currency that you use; one that is not named needs two operators always"
            )
        return self

    @property
    def policy(self) -> Policy:
        """What one operator decides alone."""
        return Policy(
            gifts=minors(self.four_eyes_above),
            gifts_of_operator=minors(self.four_eyes_operator_above),
            raises=minors(self.line_raise_above),
            raises_of_operator=minors(self.line_raise_operator_above),
            line_max=minors(self.line_max),
            period=timedelta(seconds=self.four_eyes_period_s),
            proposal_life=timedelta(seconds=self.proposal_life_s),
        )


def minors(text: str) -> dict[str, int]:
    """Amounts by currency.

    >>> minors("CNY=10000,JPY=2000")
    {'CNY': 10000, 'JPY': 2000}
    """
    return {currency: int(amount) for currency, _, amount in (one.partition("=") for one in text.split(",") if one)}


class ProviderSettings(BaseSettings):
    """An external provider: its address, its token, and when it is not called for a while. The prefix names which."""

    url: HttpUrl | None = Field(None, description="address of its API; https, except on this machine")
    token: SecretStr | None = Field(None, description="sent as bearer token")
    failures_max: int = Field(
        5, ge=1, le=1_000_000_000, description="failures in a row after which it is not called for `pause_s`"
    )
    pause_s: float = Field(
        15.0, gt=0, le=315_360_000, description="seconds without calls after `failures_max` failures"
    )

    def guard(self, url: HttpUrl, token: SecretStr) -> None:
        """Refuse what would let the token travel in the clear, or beside its own variable."""
        name = self.model_config["env_prefix"]
        if url.scheme != "https" and url.host not in _LOOPBACK:
            raise ValueError(f"{name}URL would send the token in the clear: use https")
        if url.username or url.password or url.query or url.fragment:
            raise ValueError(f"{name}URL must be scheme, host and path only: the token has its own variable")
        text = token.get_secret_value()
        if not text or not all("!" <= character <= "~" for character in text):
            raise ValueError(f"{name}TOKEN must be printable ASCII without spaces: look for a line end in it")
