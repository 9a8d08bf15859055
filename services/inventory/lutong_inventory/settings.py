"""What an operator may set for inventory, read once from LUTONG_* variables and frozen."""

from functools import cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from lutong_chassis.settings import read
from lutong_inventory.domain import ACCEPTANCE_WINDOW_DEFAULT


class InventorySettings(BaseSettings):
    """How long locations have."""

    model_config = SettingsConfigDict(env_prefix="LUTONG_", frozen=True, extra="ignore")

    acceptance_window_s: float = Field(
        ACCEPTANCE_WINDOW_DEFAULT.total_seconds(), gt=0, description="time that a location has to accept an order"
    )


@cache
def chosen() -> InventorySettings:
    """This process's settings; the service read them when it started, and refused those that make no sense."""
    return read(InventorySettings)
