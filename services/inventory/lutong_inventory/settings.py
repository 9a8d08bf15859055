"""What an operator may set for inventory, read once from LUTONG_* variables and frozen."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def _key(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", secret.get_secret_value()):
        raise ValueError("must have 64 hexadecimal digits, as `openssl rand -hex 32` makes them")
    return secret


Key = Annotated[SecretStr, AfterValidator(_key)]
"""A key of 256 bits, in hexadecimal digits; no error shows it."""


class InventorySettings(BaseSettings):
    """How long locations have, and how far they serve."""

    model_config = SettingsConfigDict(
        env_prefix="LUTONG_", frozen=True, extra="ignore", allow_inf_nan=False, hide_input_in_errors=True
    )

    acceptance_window_s: float = Field(
        1800, gt=0, le=315_360_000, description="time that a location has to accept an order"
    )
    fulfilment_window_s: float = Field(
        259_200,
        gt=0,
        le=315_360_000,
        description="time that a location has to hand an order over or make it ready, once it accepted",
    )
    provision_window_s: float = Field(
        259_200,
        gt=0,
        le=315_360_000,
        description="time that a merchant has to do a service without goods, once it is paid for",
    )
    pickup_window_s: float = Field(
        259_200, gt=0, le=315_360_000, description="time that a member has to pick an order up, once it is ready"
    )
    pickup_reminder_s: float = Field(
        86_400,
        gt=0,
        le=315_360_000,
        description="how long before that time is over a member is reminded; when that is before it begins, nobody is",
    )
    delivery_reach_m: int = Field(
        50_000, ge=1, le=200_000, description="how far a store delivers that sets no radius, in metres"
    )
    pickup_reach_m: int = Field(
        30_000, ge=1, le=200_000, description="how far a member is sent to pick an order up, in metres"
    )
    offer_answer_s: float = Field(
        7200,
        gt=0,
        le=604_800,
        description="time that a member has to agree that the flagship sends what their store cannot",
    )
    store_eta_s: float = Field(
        1800,
        gt=0,
        le=604_800,
        description="time in which a store has an order on its way; what the way takes comes on top",
    )
    flagship_eta_s: float = Field(
        172_800, gt=0, le=2_592_000, description="time in which what the flagship sends arrives, about"
    )
    rush_pause_s: float = Field(
        1800,
        gt=0,
        le=86_400,
        description="time for which a store takes no orders that declined one because of rush hour",
    )
    lowered_s: float = Field(
        1800, gt=0, le=604_800, description="time for which others are asked before a store that did not serve an order"
    )
    slot_hold_s: float = Field(
        600, gt=0, le=86_400, description="time for which a place in a slot of delivery is held for a member who orders"
    )
    slot_holds_max: int = Field(3, ge=1, le=100, description="places in slots that a member may hold at once")
    slot_days_ahead: int = Field(
        5,
        ge=1,
        le=60,
        description="days before a slot from which on a place can be held: credit is held as long at least",
    )
    slot_answer_s: float = Field(
        7200, gt=0, le=604_800, description="time that a member has to take another slot when theirs is withdrawn"
    )
    sourcing_hops_max: int = Field(3, ge=1, le=10, description="locations that may have one order, one after the other")
    vault_key: Key | None = Field(
        None, description="master key of addresses, 64 hexadecimal digits; unset: no address is kept"
    )
    vault_key_before: Key | None = Field(
        None, description="the master key before it, until `POST /v1/vault/rotation` has none left"
    )
