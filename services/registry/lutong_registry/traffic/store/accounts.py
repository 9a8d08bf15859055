"""SQL of page views: accounts with their lots, spends, and the ledger."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, Final, NamedTuple

import asyncpg
import orjson

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import Sql, columns_of
from lutong_registry.traffic.domain.ledger import Account, Entry, Lot, Spend, Take


class AccountRow(NamedTuple):
    """What a program has in page views."""

    program_id: str
    granted: int
    spent: int
    expired: int
    reversed: int
    available: int
    held: int
    debt: int


class LotRow(NamedTuple):
    """What is left of the page views of a day."""

    program_id: str
    expires_at: datetime
    day: date
    rule_id: int
    remaining: int


class SpendRow(NamedTuple):
    """A spend as it is stored; `taken` is JSON."""

    spend_id: str
    program_id: str
    placement: str
    visitor: str | None
    day: date
    pv: int
    used: int
    state: str
    taken: Annotated[str, Sql("jsonb")]
    promotion_id: str | None


class EntryShown(NamedTuple):
    """A row of the ledger, with its number and time."""

    entry_id: int
    program_id: str
    kind: str
    debit: str
    credit: str
    pv: int
    reference: str
    at: datetime


_ACCOUNT: Final = columns_of(AccountRow)
_LOT: Final = columns_of(LotRow)
_SPEND: Final = columns_of(SpendRow)
_ENTRY: Final = columns_of(Entry)
_SHOWN: Final = columns_of(EntryShown)


async def accounts(tx: Reads, program_ids: Iterable[str], *, lock: bool = False) -> dict[str, Account]:
    """Accounts with the lots that have something left or ended lately; locked in key order, or not."""
    wanted = sorted(set(program_ids))
    rows = await tx.fetch(
        f"""
        SELECT {_ACCOUNT.names} FROM traffic_account
         WHERE program_id = ANY ($1) ORDER BY program_id {"FOR UPDATE" if lock else ""}
        """,
        wanted,
    )
    lots = await tx.fetch(
        f"""
        SELECT {_LOT.names} FROM traffic_lot
         WHERE program_id = ANY ($1) AND (remaining > 0 OR expires_at > now() - interval '7 days')
         ORDER BY expires_at, day, rule_id
        """,
        wanted,
    )
    of: dict[str, list[Lot]] = {}
    for lot in lots:
        of.setdefault(lot["program_id"], []).append(Lot(*lot[1:]))
    return {row["program_id"]: Account(**row, lots=tuple(of.get(row["program_id"], ()))) for row in rows}


async def save(tx: Tx, after: Sequence[Account], before: dict[str, Account], entries: Sequence[Entry]) -> None:
    """Keep accounts that are locked, the lots that changed, and the rows of the ledger that led there."""
    changed = [each for each in after if each != before[each.program_id]]
    if not changed:
        return
    fields = ", ".join(f"{name} = given.{name}" for name in _ACCOUNT.fields[1:])
    await tx.execute(
        f"UPDATE traffic_account SET {fields} FROM {_ACCOUNT.unnest()} WHERE traffic_account.program_id = given.program_id",
        *_ACCOUNT.arrays(_row(each) for each in changed),
    )
    await tx.execute(
        f"""
        INSERT INTO traffic_lot ({_LOT.names}) SELECT {_LOT.names} FROM {_LOT.unnest()}
            ON CONFLICT (program_id, day, rule_id) DO UPDATE SET remaining = excluded.remaining
        """,
        *_LOT.arrays(
            LotRow(each.program_id, *lot)
            for each in changed
            for lot in each.lots
            if lot not in before[each.program_id].lots
        ),
    )
    await tx.execute(
        f"INSERT INTO traffic_entry ({_ENTRY.names}) SELECT {_ENTRY.names} FROM {_ENTRY.unnest()}",
        *_ENTRY.arrays(entries),
    )


async def open_account(tx: Tx, program_id: str) -> None:
    """An account for a program; once is enough."""
    await tx.execute("INSERT INTO traffic_account (program_id) VALUES ($1) ON CONFLICT DO NOTHING", program_id)


async def secret(tx: Reads, program_id: str) -> str | None:
    """What the sources of a program are signed and its visitors are made pseudonyms with."""
    value: str | None = await tx.fetchval("SELECT secret FROM traffic_account WHERE program_id = $1", program_id)
    return value


async def spends(tx: Reads, spend_ids: Iterable[str]) -> dict[str, Spend]:
    """Spends by id. Lock their accounts first."""
    rows = await tx.fetch(f"SELECT {_SPEND.names} FROM traffic_spend WHERE spend_id = ANY ($1)", sorted(set(spend_ids)))
    return {row["spend_id"]: _spend(row) for row in rows}


async def add_spends(tx: Tx, spends: Sequence[Spend]) -> None:
    """Keep spends that are new."""
    await tx.execute(
        f"INSERT INTO traffic_spend ({_SPEND.names}) SELECT {_SPEND.names} FROM {_SPEND.unnest()}",
        *_SPEND.arrays(_spend_row(each) for each in spends),
    )


async def end_spends(tx: Tx, spends: Sequence[Spend]) -> None:
    """Spends were confirmed or released: those that are reserved still."""
    await tx.execute(
        f"""
        UPDATE traffic_spend SET state = given.state, used = given.used
          FROM {_SPEND.unnest()} WHERE traffic_spend.spend_id = given.spend_id AND traffic_spend.state = 'reserved'
        """,
        *_SPEND.arrays(_spend_row(each) for each in spends),
    )


async def entries(tx: Reads, program_id: str, after: int, limit: int) -> list[EntryShown]:
    """The ledger of a program, in order."""
    rows = await tx.fetch(
        f"SELECT {_SHOWN.names} FROM traffic_entry WHERE program_id = $1 AND entry_id > $2 ORDER BY entry_id LIMIT $3",
        program_id,
        after,
        limit,
    )
    return [EntryShown(*row) for row in rows]


async def moved_lately(tx: Reads, program_id: str) -> dict[str, int]:
    """Page views that were granted and spent in the last seven days."""
    rows = await tx.fetch(
        """
        SELECT kind, sum(pv)::bigint AS pv FROM traffic_entry
         WHERE program_id = $1 AND at > now() - interval '7 days' AND kind IN ('grant', 'spend') GROUP BY kind
        """,
        program_id,
    )
    return {row["kind"]: row["pv"] for row in rows}


def _row(account: Account) -> AccountRow:
    return AccountRow(*(getattr(account, name) for name in _ACCOUNT.fields))


def _spend(row: asyncpg.Record) -> Spend:
    taken = tuple(Take(date.fromisoformat(day), rule_id, pv) for day, rule_id, pv in orjson.loads(row["taken"]))
    return Spend(**(dict(row) | {"taken": taken}))


def _spend_row(spend: Spend) -> SpendRow:
    return SpendRow(**(spend._asdict() | {"taken": orjson.dumps([[*take] for take in spend.taken]).decode()}))
