"""Which credit provider this process asks, read once from LUTONG_CREDIT_* variables and frozen."""

from typing import Final, Literal, Self

from pydantic import Field, HttpUrl, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lutong_chassis.settings import SettingsError

_LOOPBACK: Final = frozenset({"127.0.0.1", "[::1]", "localhost"})


class CreditSettings(BaseSettings):
    """What an operator may set. Every field is a variable: `timeout_s` is LUTONG_CREDIT_TIMEOUT_S."""

    model_config = SettingsConfigDict(
        env_prefix="LUTONG_CREDIT_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    provider: Literal["scorecard", "http"] = Field("scorecard", description="the in-house scorecard, or one outside")
    name: str = Field("http", pattern=r"^[a-z][a-z0-9-]{1,39}$", description="what the provider outside is called")
    url: HttpUrl | None = Field(None, description="where it answers; https, except on this machine")
    token: SecretStr | None = Field(None, description="how it knows us")
    timeout_s: float = Field(5.0, gt=0, le=60, description="longest assessment, queries included; half for one request")
    queries_max: int = Field(3, ge=1, le=20, description="queries for an outcome that is not known, per assessment")
    query_interval_s: float = Field(0.2, gt=0, le=10, description="pause before a query; it doubles")
    failures_max: int = Field(5, ge=1, description="failures in a row after which it is not asked for a while")
    pause_s: float = Field(15.0, gt=0, description="that while")

    @model_validator(mode="after")
    def _a_provider_outside_needs_an_address_and_a_token(self) -> Self:
        if self.provider == "scorecard":
            return self
        if self.url is None or self.token is None:
            raise ValueError("LUTONG_CREDIT_PROVIDER is http: set LUTONG_CREDIT_URL and LUTONG_CREDIT_TOKEN too")
        if self.url.scheme != "https" and self.url.host not in _LOOPBACK:
            raise ValueError("LUTONG_CREDIT_URL would send the token in the clear: use https")
        if self.url.username or self.url.password or self.url.query or self.url.fragment:
            raise ValueError("LUTONG_CREDIT_URL must be scheme, host and path only: the token has its own variable")
        token = self.token.get_secret_value()
        if not token or not all("!" <= character <= "~" for character in token):
            raise ValueError("LUTONG_CREDIT_TOKEN must be printable ASCII without spaces: look for a line end in it")
        return self


def load_credit_settings() -> CreditSettings:
    """Settings from the environment; `SettingsError` says which variable is wrong, and never what it holds."""
    try:
        return CreditSettings()
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(item["loc"], item["msg"]) for item in error.errors())) from None


def _explain(location: tuple[int | str, ...], message: str) -> str:
    problem = message.removeprefix("Value error, ")
    return f"LUTONG_CREDIT_{str(location[0]).upper()}: {problem}" if location else problem
