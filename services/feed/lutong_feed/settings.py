"""What an operator may set for the feed, read once from LUTONG_* variables and frozen."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class FeedSettings(BaseSettings):
    """For how long viewers' clients may report, and how the feed ranks."""

    model_config = SettingsConfigDict(env_prefix="LUTONG_", frozen=True, extra="ignore", allow_inf_nan=False)

    interactions_late_days: int = Field(
        7, ge=1, le=30, description="days after an item was served for which what was done with it may be reported"
    )

    ranking: bool = Field(
        default=True, description="rank placements; false: the newest first, which each answer and a metric state"
    )
    ranking_budget_ms: int = Field(
        250, ge=0, le=10_000, description="so long placements wait for what they rank by; then the newest come first"
    )

    @property
    def interactions_late(self) -> timedelta:
        """The same as a duration."""
        return timedelta(days=self.interactions_late_days)
