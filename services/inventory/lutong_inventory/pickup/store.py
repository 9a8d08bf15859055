"""Codes by which members pick orders up: hashes, one of each order."""

from collections.abc import Iterable
from typing import Final

from lutong_chassis import Tx, columns
from lutong_inventory.pickup.domain import PickupCode

_FIELDS: Final = tuple(PickupCode.__dataclass_fields__)
_COLUMNS: Final = ", ".join(_FIELDS)


async def save_codes(tx: Tx, codes: Iterable[PickupCode]) -> None:
    """Keep fresh codes instead of those before, or that they were used or guessed wrongly: one for each locked order."""
    rows = sorted((tuple(getattr(code, name) for name in _FIELDS) for code in codes), key=lambda row: row[0])
    if not rows:
        return
    await tx.execute(
        f"""
        INSERT INTO pickup_code ({_COLUMNS})
        SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::timestamptz[], $5::integer[], $6::timestamptz[])
            ON CONFLICT (order_id) DO UPDATE
           SET salt = excluded.salt, digest = excluded.digest, expires_at = excluded.expires_at,
               tries_left = excluded.tries_left, used_at = excluded.used_at
        """,
        *columns(rows, len(_FIELDS)),
    )


async def codes_of(tx: Tx, order_ids: Iterable[str]) -> dict[str, PickupCode]:
    """The codes of locked orders."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM pickup_code WHERE order_id = ANY ($1)", sorted(set(order_ids)))
    return {row["order_id"]: PickupCode(*row) for row in rows}
