"""SQL of services without goods."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from typing import Final

import asyncpg

from lutong_chassis import Reads, Tx, columns
from lutong_inventory.provided.domain import Provision

_NAMES: Final = ", ".join(each.name for each in fields(Provision))


async def lock(tx: Tx, order_ids: Iterable[str]) -> dict[str, Provision]:
    """Services by order, locked in key order."""
    rows = await tx.fetch(
        f"SELECT {_NAMES} FROM provision WHERE order_id = ANY ($1) ORDER BY order_id FOR UPDATE", sorted(set(order_ids))
    )
    return {row["order_id"]: _provision(row) for row in rows}


async def arrive(tx: Tx, provisions: Sequence[Provision]) -> set[str]:
    """Write services that are paid for; gives those that were new."""
    rows = await tx.fetch(
        f"""
        INSERT INTO provision ({_NAMES})
        SELECT *
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[],
                      $9::text[], $10::timestamptz[], $11::text[], $12::text[], $13::text[], $14::text[])
            ON CONFLICT DO NOTHING
        RETURNING order_id
        """,
        *columns([astuple(each) for each in sorted(provisions, key=lambda each: each.order_id)], 14),
    )
    return {row["order_id"] for row in rows}


async def end(tx: Tx, ended: Sequence[Provision]) -> set[str]:
    """End services that still wait; gives those that did. A reference that its merchant used before ends none."""
    rows = await tx.fetch(
        """
        UPDATE provision
           SET state = given.state, reference = given.reference, reason = given.reason, changed_at = now()
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS given (order_id, state, reference, reason)
         WHERE provision.order_id = given.order_id AND provision.state = 'waiting'
           AND NOT EXISTS (
               SELECT FROM provision AS other
                WHERE other.merchant_id = provision.merchant_id AND other.reference = given.reference
           )
        RETURNING provision.order_id
        """,
        *columns([(each.order_id, each.state, each.reference, each.reason) for each in ended], 4),
    )
    return {row["order_id"] for row in rows}


async def provision(tx: Reads, order_id: str) -> Provision | None:
    """A service."""
    row = await tx.fetchrow(f"SELECT {_NAMES} FROM provision WHERE order_id = $1", order_id)
    return _provision(row) if row else None


async def waiting(tx: Reads, merchant_id: str, after: str, limit: int) -> list[Provision]:
    """What a merchant is to do, behind an order, in order."""
    rows = await tx.fetch(
        f"""
        SELECT {_NAMES}
          FROM provision
         WHERE merchant_id = $1 AND state = 'waiting' AND order_id > $2
         ORDER BY order_id
         LIMIT $3
        """,
        merchant_id,
        after,
        limit,
    )
    return [_provision(row) for row in rows]


def _provision(row: asyncpg.Record) -> Provision:
    return Provision(**dict(row))
