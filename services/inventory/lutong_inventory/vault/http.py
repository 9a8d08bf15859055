"""The vault over HTTP: members store and erase addresses, the location that ships an order reads one.

What is in an address is in no answer that is kept: none of these commands takes an Idempotency-Key.
"""

import secrets
from datetime import datetime
from typing import Annotated, Final

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretBytes, StringConstraints

from lutong_chassis import Ask, Command, Problem, Read, TxDependency, Who, allowed, audited, not_found
from lutong_chassis.audit import Change, record
from lutong_contracts.values import Identifier, Place, Reason, Text, Title, Visible
from lutong_inventory.bodies import refused, router
from lutong_inventory.refusal import Refusal
from lutong_inventory.vault import store
from lutong_inventory.vault.domain import CLOSED, RANDOM_BYTES, ShowAddress, StoreAddress
from lutong_inventory.vault.handlers import AddressIdView, AddressView, masters, opened
from lutong_inventory.vault.sealing import NONCE_BYTES, unwrap, wrap

PHONE_PATTERN: Final = r"^\+?[0-9(][0-9 ()\-.,;*#x]{2,31}$"
ROTATED_AT_ONCE: Final = 1_000


class ExactPlace(Place):
    """Where a door is, in WGS-84 degrees; not rounded: it stays in the vault."""

    model_config = ConfigDict(extra="forbid", strict=False)


class AddressBody(Command):
    """Where a person is to be found: their name, a phone number, the address in any script, and the place if it is known."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "王小明", "phone": "+86 138 0013 8000", "text": "上海市黄浦区人民大道 200 号 3 楼"}]
        }
    )

    name: Title
    phone: Annotated[str, StringConstraints(pattern=PHONE_PATTERN)] = Field(examples=["+86 138 0013 8000"])
    text: Annotated[Text, StringConstraints(min_length=1, max_length=500), Visible]
    place: ExactPlace | None = None


class Look(Command):
    """The location that ships the order, and why it needs to know where to, as a word: it is on record for good."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"location_id": "store-1", "reason": "courier_booked"}]})

    location_id: Identifier
    reason: Reason


class OwnAddressView(AddressView):
    """An address as its member reads it."""

    address_id: str
    stored_at: datetime


class ErasedView(BaseModel):
    """How many addresses were erased. `open_orders` still name one of them, and cannot be delivered any more."""

    addresses: int
    open_orders: int


class RotatedView(BaseModel):
    """How many keys of members were sealed anew, and how many are left."""

    rotated: int
    left: int


def _no_key(request: Request) -> None:
    if "idempotency-key" in request.headers:
        detail = "an address is kept nowhere but in the vault, also not by its hash: send no Idempotency-Key"
        raise Problem(400, "key_not_taken", detail)


@router.post("/v1/members/{member_id}/addresses", status_code=201, response_model=AddressIdView)
@allowed("member", "operator")
@audited("address.store", own="member")
async def store_address(member_id: Identifier, body: AddressBody, who: Who, ask: Ask, request: Request) -> Response:
    """Store an address under a fresh id, sealed with a key of the member. Orders name it by that id, which is random."""
    _no_key(request)
    who.require(member=member_id, hide=("member", member_id))
    plain = SecretBytes(body.model_dump_json(exclude_none=True).encode())
    address_id = f"a-{secrets.token_hex(16)}"
    return await ask(StoreAddress(member_id, address_id, plain, secrets.token_bytes(RANDOM_BYTES)))


@router.get("/v1/members/{member_id}/addresses")
@allowed("member")
async def list_addresses(member_id: Identifier, who: Who, read: Read) -> list[OwnAddressView]:
    """A member's own addresses, the latest first. Nobody else lists them."""
    who.require(member=member_id, hide=("member", member_id))
    found, keys = await store.addresses_of(read, member_id), await store.keys_of(read, [member_id])
    views = []
    for row, stored_at in found:
        view = opened(row, keys, masters(), "")
        if isinstance(view, Refusal):
            raise refused(view)
        views.append(OwnAddressView(**view.model_dump(), address_id=row.address_id, stored_at=stored_at))
    return views


@router.delete("/v1/members/{member_id}/addresses/{address_id}")
@allowed("member", "operator")
@audited("address.erase", own="member")
async def erase_address(member_id: Identifier, address_id: Identifier, who: Who, tx: TxDependency) -> ErasedView:
    """Erase an address, also while an order is on its way there: then that order cannot be delivered."""
    who.require(member=member_id, hide=("member", member_id))
    await store.lock_members(tx, [member_id])
    done = await store.erase(tx, member_id, address_id)
    if not done.addresses:
        not_found("address", address_id)
    if who.is_staff:
        await record(tx, who, Change("address.erase", f"address:{address_id}"))
    return ErasedView(**done._asdict())


@router.delete("/v1/members/{member_id}/addresses")
@allowed("member", "operator")
@audited("address.erase_all")
async def erase_addresses(member_id: Identifier, who: Who, tx: TxDependency) -> ErasedView:
    """Erase all addresses of a member and destroy their key: no copy of them can be read any more. Always on record."""
    who.require(member=member_id, hide=("member", member_id))
    await store.lock_members(tx, [member_id])
    done = await store.erase(tx, member_id)
    await record(tx, who, Change("address.erase_all", f"member:{member_id}"))
    return ErasedView(**done._asdict())


@router.post("/v1/orders/{order_id}/address", response_model=AddressView)
@allowed("merchant", "operator")
@audited("address.show", shows=("location_id",))
async def show_address(order_id: Identifier, body: Look, ask: Ask, request: Request) -> Response:
    """Where an order goes, for the location that ships it, while it has it. Each look is on record, with its reason."""
    _no_key(request)
    return await ask(ShowAddress(order_id, body.location_id, body.reason))


@router.post("/v1/vault/rotation")
@allowed("operator")
@audited("vault.rotate")
async def rotate_keys(who: Who, tx: TxDependency) -> RotatedView:
    """Seal keys of members with the master key in use, up to a thousand; repeat it until none is left, then drop the old one."""
    ours = masters()
    if ours.current is None:
        raise refused(CLOSED)
    kept = await store.lock_keys_behind(tx, ours.current.name, ROTATED_AT_ONCE)
    keys = [(row.member_id, unwrap(ours, row)) for row in kept]
    fresh = [wrap(ours.current, key, secrets.token_bytes(NONCE_BYTES), member_id) for member_id, key in keys if key]
    await store.replace_keys(tx, fresh)
    await record(tx, who, Change("vault.rotate", "vault:keys"))
    return RotatedView(rotated=len(fresh), left=await store.count_behind(tx, ours.current.name))
