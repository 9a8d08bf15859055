"""What an operator may set for the feed, read once from LUTONG_* variables and frozen."""

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class FeedSettings(BaseSettings):
    """For how long viewers' clients may report, which timelines are kept, and how the feed ranks."""

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

    timeline_pull_from: int = Field(
        10_000,
        ge=1,
        le=10_000_000,
        description="followers from which on an author's posts are read where they are, and not copied",
    )
    timeline_push_below: int = Field(
        8_000,
        ge=1,
        le=10_000_000,
        description="followers below which they are copied to each again; less than pull_from",
    )
    timeline_idle_days: int = Field(
        7,
        ge=1,
        le=90,
        description="days without reading after which the copy of a reader's timeline is dropped, until they come back",
    )
    timeline_kept: int = Field(
        400,
        ge=20,
        le=5_000,
        description="posts that are kept of a timeline; what is older is read from its authors' posts",
    )

    @model_validator(mode="after")
    def _way_back_is_longer(self) -> Self:
        """Without a distance between the two an author would go to and fro."""
        if self.timeline_push_below >= self.timeline_pull_from:
            msg = f"timeline_push_below ({self.timeline_push_below}) must be less than timeline_pull_from ({self.timeline_pull_from})"
            raise ValueError(msg)
        return self

    @property
    def timeline_idle(self) -> timedelta:
        """The same as a duration."""
        return timedelta(days=self.timeline_idle_days)

    @property
    def interactions_late(self) -> timedelta:
        """The same as a duration."""
        return timedelta(days=self.interactions_late_days)
