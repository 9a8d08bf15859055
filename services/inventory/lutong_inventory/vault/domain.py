"""Which addresses may be stored, and who may read one, when. Pure: no clock, no randomness, no database."""

from typing import Final, NamedTuple, Protocol

from pydantic import SecretBytes

from lutong_inventory.refusal import Refusal
from lutong_inventory.vault.sealing import KEY_BYTES, NONCE_BYTES

ADDRESSES_MAX: Final = 20
RANDOM_BYTES: Final = KEY_BYTES + 2 * NONCE_BYTES
"""For a key, should the member have none yet, its nonce, and that of the address."""

SHIPPING: Final = ("accepted", "picked", "handed_over")
"""States in which a location has an order in its hands, so that it needs to know where to."""

CLOSED: Final = Refusal(
    "vault_closed",
    "this deployment keeps no addresses: its operator sets LUTONG_VAULT_KEY (docs/security.md)",
)
LOCKED: Final = Refusal(
    "vault_locked",
    "the master key of this member's addresses is not here: its operator sets LUTONG_VAULT_KEY_BEFORE (docs/security.md)",
)


class StoreAddress(NamedTuple):
    """A member stores an address under a fresh id; `plain` prints as asterisks."""

    member_id: str
    address_id: str
    plain: SecretBytes
    randomness: bytes


class ShowAddress(NamedTuple):
    """A location wants to know where an order goes, and why now."""

    order_id: str
    location_id: str
    reason: str


class Shipped(Protocol):
    """An order, as far as its address is concerned."""

    @property
    def order_id(self) -> str: ...  # noqa: D102  # as the order has it
    @property
    def state(self) -> str: ...  # noqa: D102  # the same
    @property
    def mode(self) -> str: ...  # noqa: D102  # the same
    @property
    def address_id(self) -> str | None: ...  # noqa: D102  # the same


def why_not_another(member_id: str, stored: int) -> Refusal | None:
    """Why a member may not store one more address."""
    if stored < ADDRESSES_MAX:
        return None
    detail = f"member {member_id!r} has {stored} addresses, and that is the most: erase one first"
    return Refusal("too_many_addresses", detail)


def why_not_shown(order: Shipped) -> Refusal | None:
    """Why the address of an order is not shown to the location that has it: not yet, not any more, or there is none."""
    if order.mode != "delivery" or order.address_id is None:
        return Refusal("no_address", f"order {order.order_id!r} came without an address to bring it to")
    if order.state not in SHIPPING:
        return Refusal(
            "not_shipping",
            f"order {order.order_id!r} is {order.state}: its address is shown from accepted until it is fulfilled",
        )
    return None


def erased(order_id: str) -> Refusal:
    """The address of an order is not there any more."""
    detail = f"the member of order {order_id!r} erased the address: cancel the order, or wait until they cancel it"
    return Refusal("address_erased", detail)
