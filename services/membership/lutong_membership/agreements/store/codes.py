"""Codes by which members confirm that a right is used: hashes, one of each right of an agreement."""

from lutong_chassis import Tx
from lutong_membership.agreements.domain.codes import Code

_COLUMNS = ", ".join(Code.__dataclass_fields__)


async def put_code(tx: Tx, code: Code) -> None:
    """Keep a fresh code instead of the one before."""
    await tx.execute(
        f"""
        INSERT INTO right_code ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (agreement_id, right_id) DO UPDATE
            SET salt = excluded.salt, digest = excluded.digest, expires_at = excluded.expires_at,
                tries_left = excluded.tries_left, used_at = excluded.used_at
        """,
        *(getattr(code, name) for name in Code.__dataclass_fields__),
    )


async def lock_code(tx: Tx, agreement_id: str, right_id: str) -> Code | None:
    """The code of a right, locked: two who show it at once show it one after the other."""
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM right_code WHERE agreement_id = $1 AND right_id = $2 FOR NO KEY UPDATE",
        agreement_id,
        right_id,
    )
    return Code(**dict(row)) if row else None


async def save_code(tx: Tx, code: Code) -> None:
    """Write down that a locked code was used, or guessed wrongly."""
    await tx.execute(
        "UPDATE right_code SET tries_left = $3, used_at = $4 WHERE agreement_id = $1 AND right_id = $2",
        code.agreement_id,
        code.right_id,
        code.tries_left,
        code.used_at,
    )
