"""Which deduction provider this process uses: LUTONG_DEDUCTION_* variables."""

from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from lutong_membership.settings import ProviderSettings


class DeductionSettings(ProviderSettings):
    """What an operator may set. Without a URL charges are not deducted: they wait to be repaid."""

    model_config = SettingsConfigDict(
        env_prefix="LUTONG_DEDUCTION_", frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False
    )

    timeout_s: float = Field(10.0, gt=0, le=60, description="longest request")

    @model_validator(mode="after")
    def _an_address_needs_a_token(self) -> Self:
        if self.url is None:
            return self
        if self.token is None:
            raise ValueError("LUTONG_DEDUCTION_URL is set: set LUTONG_DEDUCTION_TOKEN too")
        self.guard(self.url, self.token)
        return self
