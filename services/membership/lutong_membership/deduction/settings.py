"""Which deduction provider this process uses: LUTONG_DEDUCTION_* variables."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from lutong_membership.settings import ProviderSettings


class DeductionSettings(ProviderSettings):
    """What an operator may set. Without a URL charges are not deducted: they wait to be repaid."""

    model_config = SettingsConfigDict(
        env_prefix="LUTONG_DEDUCTION_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    timeout_s: float = Field(10.0, gt=0, le=60, description="longest request")
