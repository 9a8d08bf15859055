"""Codes by which members pick orders up: hashes, one of each order."""

from typing import Final

from lutong_chassis import Tx
from lutong_inventory.pickup.domain import PickupCode

_COLUMNS: Final = ", ".join(PickupCode.__dataclass_fields__)


async def put_code(tx: Tx, code: PickupCode) -> None:
    """Keep a fresh code instead of the one before, or that one was used or guessed wrongly."""
    await tx.execute(
        f"""
        INSERT INTO pickup_code ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (order_id) DO UPDATE
           SET salt = excluded.salt, digest = excluded.digest, expires_at = excluded.expires_at,
               tries_left = excluded.tries_left, used_at = excluded.used_at
        """,
        *(getattr(code, name) for name in PickupCode.__dataclass_fields__),
    )


async def code_of(tx: Tx, order_id: str) -> PickupCode | None:
    """The code of a locked order."""
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM pickup_code WHERE order_id = $1", order_id)
    return PickupCode(*row) if row else None
