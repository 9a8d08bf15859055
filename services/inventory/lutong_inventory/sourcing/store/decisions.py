"""Decisions, as they are kept: hop by hop, with the candidates that they were made on."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import orjson

from lutong_chassis import Reads, Tx, columns
from lutong_chassis.rows import columns_of
from lutong_inventory.sourcing.domain.decision import RULES_VERSION
from lutong_inventory.sourcing.domain.values import Considered, Decision


class DecisionRow(NamedTuple):
    """A decision as it was made."""

    hop: int
    rules: int
    location_key: str | None
    reason: str | None
    considered: tuple[Considered, ...]
    decided_at: datetime


class _Kept(NamedTuple):
    """A decision as it is written."""

    order_id: str
    hop: int
    rules: int
    location_id: str | None
    reason: str | None
    considered: str


_KEPT: Final = columns_of(_Kept)


async def save_decisions(tx: Tx, decisions: Iterable[Decision], hops: Mapping[str, int]) -> None:
    """Keep decisions, one for each part. `hops` has, by order, which decision it is; an order that is not there has its first."""
    rows = [
        _Kept(
            part.wish.order_id,
            hops.get(part.wish.order_id, 1),
            RULES_VERSION,
            part.chosen.key if part.chosen else None,
            part.reason,
            orjson.dumps([each._asdict() for each in part.considered]).decode(),
        )
        for decision in decisions
        for part in decision.parts
    ]
    await tx.execute(
        f"INSERT INTO sourcing_decision ({_KEPT.names}) SELECT * FROM {_KEPT.unnest('kept')}",
        *_KEPT.arrays(rows),
    )


async def decisions_of(tx: Reads, order_id: str) -> list[DecisionRow]:
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


async def lost(tx: Tx, reasons: Mapping[str, str]) -> None:
    """Orders leave the locations that have them, for these reasons: the last decision on each is over."""
    await tx.execute(
        """
        UPDATE sourcing_decision AS decision
           SET left_for = given.reason, left_at = now()
          FROM unnest($1::text[], $2::text[]) AS given(order_id, reason)
         WHERE decision.order_id = given.order_id AND left_at IS NULL AND location_id IS NOT NULL
        """,
        *columns(sorted(reasons.items()), 2),
    )


class Had(NamedTuple):
    """How many decisions there are on an order or a part, and the keys of the locations that had it, the whole before it included."""

    decisions: int
    keys: Sequence[str]

    @property
    def hops(self) -> int:
        """How many locations had it."""
        return len(self.keys) or 1


async def had_before(tx: Tx, order_ids: Sequence[str]) -> dict[str, Had]:
    """Which locations had orders before, in the order in which they had them. Of a part, they are also those that had the whole
    order before it was split.
    """
    rows = await tx.fetch(
        """
        SELECT placed.order_id, count(*) FILTER (WHERE had.order_id = placed.order_id) AS decisions,
               array_agg(had.location_id ORDER BY had.decided_at, had.hop) AS keys
          FROM customer_order AS placed
          JOIN sourcing_decision AS had
            ON had.order_id = placed.order_id OR (had.order_id = placed.part_of AND had.decided_at < placed.created_at)
         WHERE placed.order_id = ANY ($1) AND had.location_id IS NOT NULL
         GROUP BY placed.order_id
        """,
        order_ids,
    )
    return {row["order_id"]: Had(row["decisions"], row["keys"]) for row in rows}
