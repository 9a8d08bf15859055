"""Decisions, as they are kept: hop by hop, with the candidates that they were made on."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import orjson

from lutong_chassis import Tx, columns
from lutong_inventory.sourcing.domain.decision import RULES_VERSION, Considered, Decision


class DecisionRow(NamedTuple):
    """A decision as it was made."""

    hop: int
    rules: int
    location_key: str | None
    reason: str | None
    considered: tuple[Considered, ...]
    decided_at: datetime


async def save_decisions(tx: Tx, decisions: Iterable[tuple[Decision, int]]) -> None:
    """Keep decisions, each with the hop that it is."""
    rows = [
        (
            decision.wish.order_id,
            hop,
            RULES_VERSION,
            decision.chosen.key if decision.chosen else None,
            decision.reason,
            orjson.dumps([each._asdict() for each in decision.considered]).decode(),
        )
        for decision, hop in decisions
    ]
    await tx.execute(
        """
        INSERT INTO sourcing_decision (order_id, hop, rules, location_id, reason, considered)
        SELECT * FROM unnest($1::text[], $2::integer[], $3::integer[], $4::text[], $5::text[], $6::text[])
        """,
        *columns(rows, 6),
    )


async def decisions_of(tx: Tx, order_id: str) -> list[DecisionRow]:
    """What was decided on an order, hop by hop."""
    rows = await tx.fetch(
        """
        SELECT hop, rules, location_id, reason, considered, decided_at
          FROM sourcing_decision
         WHERE order_id = $1
         ORDER BY hop
        """,
        order_id,
    )
    return [
        DecisionRow(
            row["hop"],
            row["rules"],
            row["location_id"],
            row["reason"],
            tuple(Considered(**each) for each in orjson.loads(row["considered"])),
            row["decided_at"],
        )
        for row in rows
    ]


async def had_before(tx: Tx, order_ids: Sequence[str]) -> dict[str, list[str]]:
    """Which locations had orders before, by their keys, in the order in which they had them."""
    rows = await tx.fetch(
        """
        SELECT order_id, array_agg(location_id ORDER BY hop) AS keys
          FROM sourcing_decision
         WHERE order_id = ANY ($1) AND location_id IS NOT NULL
         GROUP BY order_id
        """,
        order_ids,
    )
    return {row["order_id"]: row["keys"] for row in rows}
