"""SQL of attribution: orders with what they are credited to, the stages that they reached, and what is counted per post."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_feed.attribution.domain import VIEW_WINDOW, CreditRow, OrderRow, Reached, Spot, Touched
from lutong_feed.touches.domain import CLICK_WINDOW


class StageRow(NamedTuple):
    """An order reached a stage. `ref` is the agreement of what was held, the refund of what was refunded."""

    order_id: str
    stage: str
    happened_at: datetime
    amount_minor: int = 0
    ref: str = ""


class SettledRow(NamedTuple):
    """Nothing is owed under an agreement any more."""

    agreement_id: str
    happened_at: datetime


class Counted(NamedTuple):
    """How often viewers did something with a post in a placement."""

    spot: Spot
    kind: str
    times: int


class Credited(NamedTuple):
    """An order: to what it is credited, and how far it came."""

    spot: Spot
    currency: str
    reached: Reached


_ORDER: Final = columns_of(OrderRow)
_CREDIT: Final = columns_of(CreditRow)
_STAGE: Final = columns_of(StageRow)
_SETTLED: Final = columns_of(SettledRow)


async def keep_orders(tx: Tx, orders: Sequence[OrderRow]) -> None:
    """Keep what orders' credits are decided by; until that is done, they are credited to the post that they were made on."""
    await tx.execute(
        f"""
        INSERT INTO order_credit ({_ORDER.names}, post_id)
        SELECT {_ORDER.names}, ordered_on FROM {_ORDER.unnest()}
         ORDER BY order_id
            ON CONFLICT (order_id) DO NOTHING
        """,
        *_ORDER.arrays(orders),
    )


async def lock_orders(tx: Tx, order_ids: Collection[str]) -> list[OrderRow]:
    """Orders, locked in key order."""
    rows = await tx.fetch(
        f"SELECT {_ORDER.names} FROM order_credit WHERE order_id = ANY ($1) ORDER BY order_id FOR NO KEY UPDATE",
        sorted(order_ids),
    )
    return [OrderRow(*row) for row in rows]


async def orders_after(tx: Reads, viewer_ids: Iterable[str], since: datetime) -> set[str]:
    """Orders that viewers made after a moment: what they did then may be what led to them."""
    rows = await tx.fetch(
        "SELECT order_id FROM order_credit WHERE viewer_id = ANY ($1) AND requested_at >= $2",
        sorted(set(viewer_ids)),
        since,
    )
    return {row["order_id"] for row in rows}


async def touched(tx: Reads, orders: Sequence[OrderRow]) -> dict[str, list[Touched]]:
    """Clicks and impressions of the viewers of orders on cards of the same program, in the windows before each; by order.

    An item is clicked a week after it was served at the latest, so its fact is of a day at most two weeks before.
    """
    rows = await tx.fetch(
        f"""
        SELECT given.order_id, kind, placement, post_id, happened_at, request_id::text, position
          FROM {_ORDER.unnest("given")}
          JOIN interaction_fact AS fact
            ON fact.viewer_id = given.viewer_id AND fact.program_id = given.program_id
           AND kind IN ('tap', 'click', 'impression') AND happened_at <= requested_at
           AND happened_at > requested_at - CASE kind WHEN 'impression' THEN ${len(_ORDER.fields) + 2}::interval
                                                      ELSE ${len(_ORDER.fields) + 1}::interval END
        """,
        *_ORDER.arrays(orders),
        CLICK_WINDOW,
        VIEW_WINDOW,
    )
    found: dict[str, list[Touched]] = {order.order_id: [] for order in orders}
    for row in rows:
        found[row["order_id"]].append(Touched(*row))
    return found


async def save_credits(tx: Tx, decided: Sequence[CreditRow]) -> None:
    """Credit orders, those whose credit changes."""
    await tx.execute(
        f"""
        UPDATE order_credit AS known
           SET placement = given.placement, post_id = given.post_id, view_placement = given.view_placement,
               view_post_id = given.view_post_id
          FROM {_CREDIT.unnest("given")}
         WHERE known.order_id = given.order_id
           AND (known.placement, known.post_id, known.view_placement, known.view_post_id)
               IS DISTINCT FROM (given.placement, given.post_id, given.view_placement, given.view_post_id)
        """,
        *_CREDIT.arrays(decided),
    )


async def keep_stages(tx: Tx, rows: Sequence[StageRow]) -> None:
    """Orders reached stages; in any order, and each once."""
    await tx.execute(
        f"INSERT INTO order_stage ({_STAGE.names}) SELECT {_STAGE.names} FROM {_STAGE.unnest()} ON CONFLICT DO NOTHING",
        *_STAGE.arrays(rows),
    )


async def keep_settled(tx: Tx, rows: Sequence[SettledRow]) -> None:
    """Agreements are settled, each once."""
    await tx.execute(
        f"""
        INSERT INTO agreement_settled ({_SETTLED.names})
        SELECT {_SETTLED.names} FROM {_SETTLED.unnest()} ON CONFLICT DO NOTHING
        """,
        *_SETTLED.arrays(rows),
    )


async def interactions(tx: Reads, post_ids: Sequence[str]) -> list[Counted]:
    """What viewers did with posts, by placement and kind."""
    rows = await tx.fetch(
        "SELECT post_id, placement, kind, times FROM interaction_count WHERE post_id = ANY ($1)", post_ids
    )
    return [Counted(Spot(row[0], row[1]), row["kind"], row["times"]) for row in rows]


async def credited_to(tx: Reads, post_ids: Sequence[str]) -> list[Credited]:
    """Orders that are credited to posts, and how far each came."""
    rows = await tx.fetch(f"{_CREDITED} WHERE post_id = ANY ($1) {_BY_ORDER}", post_ids)
    return [Credited(Spot(row[0], row[1]), row[2], Reached(*row[3:10])) for row in rows]


async def views_of(tx: Reads, post_ids: Sequence[str]) -> int:
    """Orders before which one of these posts was the last that was seen, within a day."""
    found: int = await tx.fetchval("SELECT count(*) FROM order_credit WHERE view_post_id = ANY ($1)", post_ids)
    return found


_CREDITED: Final = """
    SELECT post_id, placement, currency, coalesce(bool_or(stage = 'held'), false) AS held,
           coalesce(bool_or(stage = 'sourced'), false) AS sourced, coalesce(bool_or(stage = 'fulfilled'), false) AS fulfilled,
           coalesce(bool_or(stage = 'cancelled'), false) AS cancelled,
           coalesce(bool_or(stage = 'held' AND agreement_id IS NOT NULL), false) AS settled,
           coalesce(sum(amount_minor) FILTER (WHERE stage = 'fulfilled'), 0)::bigint AS fulfilled_minor,
           coalesce(sum(amount_minor) FILTER (WHERE stage = 'refunded'), 0)::bigint AS refunded_minor
      FROM order_credit
      LEFT JOIN order_stage USING (order_id)
      LEFT JOIN agreement_settled ON stage = 'held' AND agreement_id = ref
"""
_BY_ORDER: Final = "GROUP BY order_id"
