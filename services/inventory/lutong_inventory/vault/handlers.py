"""Addresses are stored, and shown to the location that ships an order, in batches."""

from collections.abc import Sequence

from pydantic import BaseModel

from lutong_chassis import Answer, Asked, Handlers, Problem, Tx
from lutong_chassis.audit import Change
from lutong_chassis.settings import settings_of
from lutong_contracts.values import Place
from lutong_inventory.bodies import refused
from lutong_inventory.orders.domain.steps import why_not_there
from lutong_inventory.orders.handlers.steps import theirs
from lutong_inventory.orders.store import orders as order_store
from lutong_inventory.orders.store.orders import OrderRow
from lutong_inventory.refusal import Refusal
from lutong_inventory.settings import InventorySettings
from lutong_inventory.vault import store
from lutong_inventory.vault.domain import (
    CLOSED,
    LOCKED,
    ShowAddress,
    StoreAddress,
    erased,
    why_not_another,
    why_not_shown,
)
from lutong_inventory.vault.sealing import (
    KEY_BYTES,
    NONCE_BYTES,
    Master,
    Masters,
    MemberKey,
    seal,
    unseal,
    unwrap,
    wrap,
)
from lutong_inventory.vault.store import AddressRow

handlers = Handlers()


class AddressView(BaseModel):
    """Where a person is to be found."""

    name: str
    phone: str
    text: str
    place: Place | None = None


class AddressIdView(BaseModel):
    """Under which id an address is stored: an order names it."""

    address_id: str


def masters() -> Masters:
    """The master keys of this process."""
    settings = settings_of(InventorySettings)
    return Masters(
        *(Master.of(key.get_secret_value()) if key else None for key in (settings.vault_key, settings.vault_key_before))
    )


@handlers.on(StoreAddress)
async def store_addresses(batch: Sequence[Asked[StoreAddress]], tx: Tx) -> list[Answer | Problem]:
    """Members store addresses, each sealed with the key of its member, which is made with the first."""
    member_ids = [asked.command.member_id for asked in batch]
    await store.lock_members(tx, member_ids)
    keys, counts = await store.keys_of(tx, member_ids), await store.counts_of(tx, member_ids)
    known, ours = set(keys), masters()
    answers, rows = list[Answer | Problem](), list[AddressRow]()
    for asked in batch:
        member_id, address_id, *_ = asked.command
        row = why_not_another(member_id, counts.get(member_id, 0)) or _sealed(asked.command, keys, ours)
        if isinstance(row, Refusal):
            answers.append(refused(row))
            continue
        counts[member_id] = counts.get(member_id, 0) + 1
        rows.append(row)
        record = [Change("address.store", f"address:{address_id}")] if asked.who.is_staff else []
        answers.append(Answer(AddressIdView(address_id=address_id), (), record))
    await store.save(tx, [key for member_id, key in keys.items() if member_id not in known], rows)
    return answers


def _sealed(command: StoreAddress, keys: dict[str, MemberKey], ours: Masters) -> AddressRow | Refusal:
    """An address as it is kept. Adds the key of its member to `keys`, when there is none yet."""
    if ours.current is None:
        return CLOSED
    member_id, address_id, plain, randomness = command
    fresh, nonce = randomness[:KEY_BYTES], randomness[KEY_BYTES : KEY_BYTES + NONCE_BYTES]
    kept = keys.setdefault(member_id, wrap(ours.current, fresh, nonce, member_id))
    key = unwrap(ours, kept)
    if key is None:
        return LOCKED
    row = AddressRow(address_id, member_id, b"")
    return row._replace(sealed=seal(key, plain.get_secret_value(), randomness[-NONCE_BYTES:], row.bound_to))


@handlers.on(ShowAddress)
async def show_addresses(batch: Sequence[Asked[ShowAddress]], tx: Tx) -> list[Answer | Problem]:
    """Locations learn where the orders go that they ship. Each look is on record."""
    orders = await order_store.lock_orders(tx, (asked.command.order_id for asked in batch))
    sealed = await store.addresses(tx, (row.address_id for row in orders.values() if row.address_id))
    keys = await store.keys_of(tx, (row.member_id for row in sealed.values()))
    ours = masters()
    answers: list[Answer | Problem] = []
    for asked in batch:
        row = _shippable(orders, asked)
        view = row if isinstance(row, Refusal) else opened(sealed.get(row.address_id or ""), keys, ours, row.order_id)
        if isinstance(view, Refusal):
            answers.append(refused(view))
            continue
        after = {"location_id": asked.command.location_id}
        change = Change("address.show", f"order:{asked.command.order_id}", asked.command.reason, None, after)
        answers.append(Answer(view, (), [change]))
    return answers


def _shippable(orders: dict[str, OrderRow], asked: Asked[ShowAddress]) -> OrderRow | Refusal:
    order_id, location_id, _ = asked.command
    row = theirs(orders, asked.who, order_id)
    if isinstance(row, Refusal):
        return row
    return why_not_there(row, location_id) or why_not_shown(row) or row


def opened(row: AddressRow | None, keys: dict[str, MemberKey], ours: Masters, order_id: str) -> AddressView | Refusal:
    """An address that can be read, or why not: it was erased, or its master key is not here."""
    if row is None or row.member_id not in keys:
        return erased(order_id)
    key = unwrap(ours, keys[row.member_id])
    plain = unseal(key, row.sealed, row.bound_to) if key else None
    return AddressView.model_validate_json(plain) if plain else LOCKED
