"""What an operator may set for membership, read once from LUTONG_* variables and secret files, and frozen."""

from typing import Final

from pydantic import Field, HttpUrl, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from lutong_membership.domain.agreements import HOLD_LIFE_DEFAULT, OFFER_LIFE_DEFAULT

_LOOPBACK: Final = frozenset({"127.0.0.1", "[::1]", "localhost"})


class MembershipSettings(BaseSettings):
    """How long things last, and what an operator decides alone."""

    model_config = SettingsConfigDict(env_prefix="LUTONG_", frozen=True, extra="ignore", allow_inf_nan=False)

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

    def guard(self, url: HttpUrl, token: SecretStr) -> None:
        """Refuse what would let the token travel in the clear, or beside its own variable."""
        name = self.model_config["env_prefix"]
        if url.scheme != "https" and url.host not in _LOOPBACK:
            raise ValueError(f"{name}URL would send the token in the clear: use https")
        if url.username or url.password or url.query or url.fragment:
            raise ValueError(f"{name}URL must be scheme, host and path only: the token has its own variable")
        said = token.get_secret_value()
        if not said or not all("!" <= character <= "~" for character in said):
            raise ValueError(f"{name}TOKEN must be printable ASCII without spaces: look for a line end in it")
