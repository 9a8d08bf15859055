"""What an operator may set for inventory, read once from LUTONG_* variables and frozen."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class InventorySettings(BaseSettings):
    """How long locations have."""

    model_config = SettingsConfigDict(env_prefix="LUTONG_", frozen=True, extra="ignore", allow_inf_nan=False)

    acceptance_window_s: float = Field(1800, gt=0, description="time that a location has to accept an order")
