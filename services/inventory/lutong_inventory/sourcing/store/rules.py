"""What merchants decide of how their orders are sourced."""

from lutong_chassis import Reads, Tx


async def parts_max(read: Reads, merchant_id: str) -> int:
    """How many locations may serve one order: one, unless its merchant set another number."""
    found: int | None = await read.fetchval("SELECT parts_max FROM sourcing_rule WHERE merchant_id = $1", merchant_id)
    return found or 1


async def set_parts_max(tx: Tx, merchant_id: str, parts: int) -> int:
    """Let so many locations serve one order; returns how many could before."""
    await tx.lock("sourcing rule", [merchant_id])
    before = await parts_max(tx, merchant_id)
    await tx.execute(
        """
        INSERT INTO sourcing_rule (merchant_id, parts_max) VALUES ($1, $2)
            ON CONFLICT (merchant_id) DO UPDATE SET parts_max = excluded.parts_max
        """,
        merchant_id,
        parts,
    )
    return before
