"""What an operator may set for membership, read once from LUTONG_* variables and secret files, and frozen."""

from functools import cache
from typing import Final, Self

from pydantic import Field, HttpUrl, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lutong_chassis.settings import read
from lutong_membership.domain.agreements import HOLD_LIFE_DEFAULT, OFFER_LIFE_DEFAULT

_LOOPBACK: Final = frozenset({"127.0.0.1", "[::1]", "localhost"})


class MembershipSettings(BaseSettings):
    """How long things last, and what an operator decides alone."""

    model_config = SettingsConfigDict(env_prefix="LUTONG_", frozen=True, extra="ignore")

    assessment_patience_s: float = Field(
        30.0, gt=0, description="how long a newcomer waits for a provider that does not answer"
    )
    offer_life_s: float = Field(OFFER_LIFE_DEFAULT.total_seconds(), gt=0, description="life of an offer to sign")
    hold_life_s: float = Field(HOLD_LIFE_DEFAULT.total_seconds(), gt=0, description="life of a hold that nobody ends")
    four_eyes_above_minor: int = Field(
        10_000, ge=0, description="waivers and write-offs above it need a second operator"
    )
    plan_day_s: float | None = Field(
        None, gt=0, description="how long a plan's day lasts, for tests; unset: a day of the calendar"
    )


class ProviderSettings(BaseSettings):
    """A provider outside: where it answers, how it knows us, and when it is left alone. The prefix says which one."""

    url: HttpUrl | None = Field(None, description="where it answers; https, except on this machine")
    token: SecretStr | None = Field(None, description="how it knows us")
    failures_max: int = Field(5, ge=1, description="failures in a row after which it is not asked for a while")
    pause_s: float = Field(15.0, gt=0, description="that while")

    @model_validator(mode="after")
    def _the_token_travels_alone_and_encrypted(self) -> Self:
        name = self.model_config["env_prefix"]
        if self.url is None:
            return self
        if self.token is None:
            raise ValueError(f"{name}URL is set: set {name}TOKEN too")
        if self.url.scheme != "https" and self.url.host not in _LOOPBACK:
            raise ValueError(f"{name}URL would send the token in the clear: use https")
        if self.url.username or self.url.password or self.url.query or self.url.fragment:
            raise ValueError(f"{name}URL must be scheme, host and path only: the token has its own variable")
        token = self.token.get_secret_value()
        if not token or not all("!" <= character <= "~" for character in token):
            raise ValueError(f"{name}TOKEN must be printable ASCII without spaces: look for a line end in it")
        return self


@cache
def chosen() -> MembershipSettings:
    """This process's settings; the service read them when it started, and refused those that make no sense."""
    return read(MembershipSettings)
