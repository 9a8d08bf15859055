"""Which deduction provider this process uses, read once from LUTONG_DEDUCTION_* variables and frozen."""

from typing import Final, Self

from pydantic import Field, HttpUrl, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lutong_chassis.settings import SettingsError

_LOOPBACK: Final = frozenset({"127.0.0.1", "[::1]", "localhost"})


class DeductionSettings(BaseSettings):
    """What an operator may set. Without a URL charges are not deducted: they wait to be repaid."""

    model_config = SettingsConfigDict(
        env_prefix="LUTONG_DEDUCTION_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    url: HttpUrl | None = Field(None, description="where the provider answers; https, except on this machine")
    token: SecretStr | None = Field(None, description="how it knows us")
    timeout_s: float = Field(10.0, gt=0, le=60, description="longest request")
    failures_max: int = Field(5, ge=1, description="failures in a row after which it is not asked for a while")
    pause_s: float = Field(15.0, gt=0, description="that while")

    @model_validator(mode="after")
    def _the_token_travels_encrypted(self) -> Self:
        if self.url is None:
            return self
        if self.token is None:
            raise ValueError("LUTONG_DEDUCTION_URL is set: set LUTONG_DEDUCTION_TOKEN too")
        if self.url.scheme != "https" and self.url.host not in _LOOPBACK:
            raise ValueError("LUTONG_DEDUCTION_URL would send the token in the clear: use https")
        if self.url.username or self.url.password or self.url.query or self.url.fragment:
            raise ValueError("LUTONG_DEDUCTION_URL must be scheme, host and path only: the token has its own variable")
        return self


def load_deduction_settings() -> DeductionSettings:
    """Settings from the environment; `SettingsError` says which variable is wrong, and never what it holds."""
    try:
        return DeductionSettings()
    except ValidationError as error:
        raise SettingsError("; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())) from None
