"""Which payment provider this process uses: LUTONG_PAYMENT_* variables."""

from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from lutong_membership.settings import ProviderSettings


class PaymentSettings(ProviderSettings):
    """What an operator may set. Without a URL claims wait for an operator with the reference of a bank."""

    model_config = SettingsConfigDict(
        env_prefix="LUTONG_PAYMENT_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    timeout_s: float = Field(10.0, gt=0, le=60, description="longest request")
    signing_key: SecretStr | None = Field(None, min_length=32, description="the provider signs its answers with it")

    @model_validator(mode="after")
    def _an_address_needs_a_token_and_a_key(self) -> Self:
        if self.url is None:
            return self
        if self.token is None or self.signing_key is None:
            raise ValueError("LUTONG_PAYMENT_URL is set: set LUTONG_PAYMENT_TOKEN and LUTONG_PAYMENT_SIGNING_KEY too")
        self.guard(self.url, self.token)
        return self
