"""Keys of members and what is sealed with them. Nothing here can read an address."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_inventory.vault.sealing import MemberKey


class AddressRow(NamedTuple):
    """An address as it is kept: sealed, and bound to its member and its id."""

    address_id: str
    member_id: str
    sealed: bytes

    @property
    def bound_to(self) -> str:
        """What the seal is bound to."""
        return f"{self.member_id}/{self.address_id}"


class StoredAddress(NamedTuple):
    """An address of a member, and when it was stored."""

    row: AddressRow
    stored_at: datetime


class Erased(NamedTuple):
    """How many addresses were erased, and how many orders that are on their way still name one of them."""

    addresses: int
    open_orders: int


_KEY: Final = columns_of(MemberKey)
_ADDRESS: Final = columns_of(AddressRow)


async def lock_members(tx: Tx, member_ids: Iterable[str]) -> None:
    """One change at a time to what the vault has of a member: an erasure never leaves an address behind."""
    await tx.lock("vault", sorted(set(member_ids)))


async def keys_of(read: Reads, member_ids: Iterable[str]) -> dict[str, MemberKey]:
    """The keys of members, as they are kept."""
    rows = await read.fetch(f"SELECT {_KEY.names} FROM vault_key WHERE member_id = ANY ($1)", sorted(set(member_ids)))
    return {row["member_id"]: MemberKey(*row) for row in rows}


async def counts_of(tx: Tx, member_ids: Iterable[str]) -> dict[str, int]:
    """How many addresses members have."""
    rows = await tx.fetch(
        "SELECT member_id, count(*) AS n FROM vault_address WHERE member_id = ANY ($1) GROUP BY member_id",
        sorted(set(member_ids)),
    )
    return {row["member_id"]: row["n"] for row in rows}


async def save(tx: Tx, keys: Sequence[MemberKey], addresses: Sequence[AddressRow]) -> None:
    """Keep fresh keys of locked members, and fresh addresses."""
    if keys:
        await tx.execute(
            f"INSERT INTO vault_key ({_KEY.names}) SELECT {_KEY.names} FROM {_KEY.unnest()}", *_KEY.arrays(sorted(keys))
        )
    if addresses:
        await tx.execute(
            f"INSERT INTO vault_address ({_ADDRESS.names}) SELECT {_ADDRESS.names} FROM {_ADDRESS.unnest()}",
            *_ADDRESS.arrays(sorted(addresses)),
        )


async def addresses(read: Reads, address_ids: Iterable[str]) -> dict[str, AddressRow]:
    """Addresses by id, sealed; those that were erased are left out."""
    rows = await read.fetch(
        f"SELECT {_ADDRESS.names} FROM vault_address WHERE address_id = ANY ($1)", sorted(set(address_ids))
    )
    return {row["address_id"]: AddressRow(*row) for row in rows}


async def addresses_of(read: Reads, member_id: str) -> list[StoredAddress]:
    """The addresses of a member, sealed, the latest first."""
    rows = await read.fetch(
        f"SELECT {_ADDRESS.names}, stored_at FROM vault_address WHERE member_id = $1 ORDER BY stored_at DESC, address_id",
        member_id,
    )
    return [StoredAddress(AddressRow(*row[:-1]), row[-1]) for row in rows]


async def erase(tx: Tx, member_id: str, address_id: str | None = None) -> Erased:
    """Erase an address of a locked member, or all of them and the key, without which no copy of them can be read."""
    rows = await tx.fetch(
        "DELETE FROM vault_address WHERE member_id = $1 AND ($2::text IS NULL OR address_id = $2) RETURNING address_id",
        member_id,
        address_id,
    )
    if address_id is None:
        await tx.execute("DELETE FROM vault_key WHERE member_id = $1", member_id)
    open_orders: int = await tx.fetchval(
        """
        SELECT count(*) FROM customer_order
         WHERE member_id = $1 AND address_id = ANY ($2) AND state NOT IN ('fulfilled', 'rejected', 'cancelled')
        """,
        member_id,
        [row["address_id"] for row in rows],
    )
    return Erased(len(rows), open_orders)


async def lock_keys_behind(tx: Tx, master: str, limit: int) -> list[MemberKey]:
    """Keys that are sealed with another master key than that of this name; those in use elsewhere are left for later."""
    rows = await tx.fetch(
        f"""
        SELECT {_KEY.names} FROM vault_key WHERE master <> $1 ORDER BY member_id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
        """,
        master,
        limit,
    )
    return [MemberKey(*row) for row in rows]


async def replace_keys(tx: Tx, keys: Sequence[MemberKey]) -> None:
    """Keep locked keys as they are sealed now."""
    await tx.execute(
        f"""
        UPDATE vault_key SET master = given.master, wrapped = given.wrapped
          FROM {_KEY.unnest("given")}
         WHERE vault_key.member_id = given.member_id
        """,
        *_KEY.arrays(keys),
    )


async def count_behind(tx: Tx, master: str) -> int:
    """How many keys are sealed with another master key."""
    left: int = await tx.fetchval("SELECT count(*) FROM vault_key WHERE master <> $1", master)
    return left
