"""Which credit provider this process asks: LUTONG_CREDIT_* variables."""

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from lutong_membership.settings import ProviderSettings


class CreditSettings(ProviderSettings):
    """What an operator may set. Every field is a variable: `timeout_s` is LUTONG_CREDIT_TIMEOUT_S."""

    model_config = SettingsConfigDict(
        env_prefix="LUTONG_CREDIT_", frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False
    )

    provider: Literal["scorecard", "http"] = Field("scorecard", description="the in-house scorecard, or one outside")
    name: str = Field("http", pattern=r"^[a-z][a-z0-9-]{1,39}$", description="what the provider outside is called")
    timeout_s: float = Field(5.0, gt=0, le=60, description="longest assessment, queries included; half for one request")
    queries_max: int = Field(3, ge=1, le=20, description="queries for an outcome that is not known, per assessment")
    query_interval_s: float = Field(0.2, gt=0, le=10, description="pause before a query; it doubles")

    @model_validator(mode="after")
    def _a_provider_outside_needs_an_address_and_a_token(self) -> Self:
        if self.provider == "scorecard":
            return self
        if self.url is None or self.token is None:
            raise ValueError("LUTONG_CREDIT_PROVIDER is http: set LUTONG_CREDIT_URL and LUTONG_CREDIT_TOKEN too")
        self.guard(self.url, self.token)
        return self
