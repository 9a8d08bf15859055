"""Transfers in SQL: written and locked in key order, with their lines."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Annotated, Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import Sql, columns_of
from lutong_inventory.transfers.domain import Line, Pace, State, Transfer


class _Kept(NamedTuple):
    """A transfer as it is written."""

    transfer_id: str
    merchant_id: str
    from_location: str
    to_location: str
    state: State
    reference: str | None


class _KeptLine(NamedTuple):
    """A line as it is written."""

    transfer_id: str
    sku: str
    units: Annotated[int, Sql("integer")]
    received: Annotated[int, Sql("integer")]
    lost: Annotated[int, Sql("integer")]


_KEPT: Final = columns_of(_Kept)
_LINE: Final = columns_of(_KeptLine)


async def lock_transfers(tx: Tx, transfer_ids: Iterable[str]) -> dict[str, Transfer]:
    """Transfers with their lines, locked in key order."""
    wanted = sorted(set(transfer_ids))
    rows = await tx.fetch(
        f"SELECT {_KEPT.names} FROM transfer WHERE transfer_id = ANY ($1) ORDER BY transfer_id FOR NO KEY UPDATE",
        wanted,
    )
    lines = await _lines(tx, wanted)
    return {row["transfer_id"]: _transfer(_Kept(*row), lines[row["transfer_id"]]) for row in rows}


async def transfers_at(read: Tx, location_key: str, after: str, limit: int) -> list[Transfer]:
    """Transfers from a location or to it, by id, after a given one."""
    rows = await read.fetch(
        f"""
        SELECT {_KEPT.names} FROM transfer
         WHERE (from_location = $1 OR to_location = $1) AND transfer_id > $2
         ORDER BY transfer_id
         LIMIT $3
        """,
        location_key,
        after,
        limit,
    )
    lines = await _lines(read, [row["transfer_id"] for row in rows])
    return [_transfer(_Kept(*row), lines[row["transfer_id"]]) for row in rows]


async def save_transfers(tx: Tx, transfers: Sequence[Transfer]) -> None:
    """Write transfers that are new, and those that went a step on."""
    in_order = sorted(transfers, key=lambda each: each.transfer_id)
    kept = [_Kept(t.transfer_id, t.merchant_id, t.from_key, t.to_key, t.state, t.reference) for t in in_order]
    await tx.execute(
        f"""
        INSERT INTO transfer ({_KEPT.names}) SELECT * FROM {_KEPT.unnest()}
            ON CONFLICT (transfer_id) DO UPDATE SET state = excluded.state, changed_at = now()
        """,
        *_KEPT.arrays(kept),
    )
    await tx.execute(
        f"""
        INSERT INTO transfer_line ({_LINE.names}) SELECT * FROM {_LINE.unnest()}
            ON CONFLICT (transfer_id, sku) DO UPDATE SET received = excluded.received, lost = excluded.lost
        """,
        *_LINE.arrays(_KeptLine(each.transfer_id, *line) for each in in_order for line in sorted(each.lines)),
    )


async def paces(read: Reads, location_key: str, days: int) -> list[Pace]:
    """How fast SKUs left a location in the last days, what is there and on its way, and what its flagship has: one round trip."""
    rows = await read.fetch(
        """
        WITH gone AS (
            SELECT sku, -sum(on_hand_delta)::integer AS units FROM movement
             WHERE location_id = $1 AND kind = 'shipped' AND coalesce(occurred_at, moved_at) > now() - make_interval(days => $2)
             GROUP BY sku
        ), coming AS (
            SELECT sku, sum(units - received - lost)::integer AS units
              FROM transfer JOIN transfer_line USING (transfer_id)
             WHERE to_location = $1 AND state IN ('ready', 'in_transit', 'partially_received')
             GROUP BY sku
        )
        SELECT gone.sku, gone.units, $2::integer, shelf.on_hand - shelf.reserved - shelf.safety_stock - shelf.unavailable,
               coalesce(coming.units, 0), coalesce(backing.on_hand - backing.reserved - backing.safety_stock - backing.unavailable, 0)
          FROM gone
          JOIN location ON location.location_id = $1
          JOIN shelf ON shelf.location_id = $1 AND shelf.sku = gone.sku
          LEFT JOIN coming ON coming.sku = gone.sku
          LEFT JOIN location AS flagship ON flagship.merchant_id = location.merchant_id AND flagship.kind = 'flagship'
               AND flagship.open AND flagship.closed_at IS NULL
          LEFT JOIN shelf AS backing ON backing.location_id = flagship.location_id AND backing.sku = gone.sku
         ORDER BY gone.sku
        """,
        location_key,
        days,
    )
    return [Pace(*row) for row in rows]


async def _lines(tx: Tx, transfer_ids: Sequence[str]) -> defaultdict[str, list[Line]]:
    found: defaultdict[str, list[Line]] = defaultdict(list)
    rows = await tx.fetch(
        f"SELECT {_LINE.names} FROM transfer_line WHERE transfer_id = ANY ($1) ORDER BY transfer_id, sku", transfer_ids
    )
    for row in rows:
        found[row["transfer_id"]].append(Line(*tuple(row)[1:]))
    return found


def _transfer(kept: _Kept, lines: Sequence[Line]) -> Transfer:
    return Transfer(
        kept.transfer_id,
        kept.merchant_id,
        kept.from_location,
        kept.to_location,
        tuple(lines),
        kept.state,
        kept.reference,
    )
