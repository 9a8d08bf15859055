"""SQL of services without goods."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from typing import Final

import asyncpg

from lutong_chassis import Reads, Tx, columns
from lutong_inventory.provided.domain import Provision, State
from lutong_inventory.refunds.store import NewRefund

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
                      $9::text[], $10::timestamptz[], $11::text[], $12::text[], $13::text[], $14::text[], $15::bigint[],
                      $16::bigint[], $17::bigint[])
            ON CONFLICT DO NOTHING
        RETURNING order_id
        """,
        *columns([astuple(each) for each in sorted(provisions, key=lambda each: each.order_id)], 17),
    )
    return {row["order_id"] for row in rows}


async def end(tx: Tx, ended: Sequence[Provision]) -> set[str]:
    """End services that still wait; gives those that did. A reference that its merchant used before ends none."""
    rows = await tx.fetch(
        """
        UPDATE provision
           SET state = given.state, reference = given.reference, reason = given.reason, done_minor = given.done_minor,
               changed_at = now()
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
            AS given (order_id, state, reference, reason, done_minor)
         WHERE provision.order_id = given.order_id AND provision.state = 'waiting'
           AND NOT EXISTS (
               SELECT FROM provision AS other
                WHERE other.merchant_id = provision.merchant_id AND other.reference = given.reference
           )
        RETURNING provision.order_id
        """,
        *columns([(each.order_id, each.state, each.reference, each.reason, each.done_minor) for each in ended], 5),
    )
    return {row["order_id"] for row in rows}


async def give_back(tx: Tx, refund: NewRefund) -> None:
    """Keep a refund of a service, which is locked with the name of the refund, and add it up on the service."""
    await tx.execute(
        """
        WITH given AS (
            INSERT INTO refund (refund_id, order_id, amount_minor, restocked)
            VALUES ($1, $2, $3, false)
            RETURNING order_id, amount_minor
        )
        UPDATE provision
           SET refunded_minor = refunded_minor + given.amount_minor, changed_at = now()
          FROM given
         WHERE provision.order_id = given.order_id
        """,
        refund.name.key,
        refund.order_id,
        refund.amount_minor,
    )


async def provision(tx: Reads, order_id: str) -> Provision | None:
    """A service."""
    row = await tx.fetchrow(f"SELECT {_NAMES} FROM provision WHERE order_id = $1", order_id)
    return _provision(row) if row else None


async def of_merchant(tx: Reads, merchant_id: str, state: State, after: str, limit: int) -> list[Provision]:
    """The services of a merchant in a state, behind an order, in order."""
    rows = await tx.fetch(
        f"""
        SELECT {_NAMES}
          FROM provision
         WHERE merchant_id = $1 AND state = $2 AND order_id > $3
         ORDER BY order_id
         LIMIT $4
        """,
        merchant_id,
        state,
        after,
        limit,
    )
    return [_provision(row) for row in rows]


def _provision(row: asyncpg.Record) -> Provision:
    return Provision(**dict(row))
