"""What an operator may set for inventory, read once from LUTONG_* variables and frozen."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class InventorySettings(BaseSettings):
    """How long locations have, and how far they serve."""

    model_config = SettingsConfigDict(env_prefix="LUTONG_", frozen=True, extra="ignore", allow_inf_nan=False)

    acceptance_window_s: float = Field(
        1800, gt=0, le=315_360_000, description="time that a location has to accept an order"
    )
    fulfilment_window_s: float = Field(
        259_200,
        gt=0,
        le=315_360_000,
        description="time that a location has to hand an order over or make it ready, once it accepted",
    )
    pickup_window_s: float = Field(
        259_200, gt=0, le=315_360_000, description="time that a member has to pick an order up, once it is ready"
    )
    delivery_reach_m: int = Field(
        50_000, ge=1, le=200_000, description="how far a store delivers that sets no radius, in metres"
    )
    pickup_reach_m: int = Field(
        30_000, ge=1, le=200_000, description="how far a member is sent to pick an order up, in metres"
    )
    sourcing_hops_max: int = Field(3, ge=1, le=10, description="locations that may have one order, one after the other")
