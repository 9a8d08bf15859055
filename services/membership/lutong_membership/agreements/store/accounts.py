"""Agreements with all that hangs on them: opened under the lock of the members' lines, and written back by what changed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeVar

from lutong_chassis import Tx, columns
from lutong_membership.agreements.domain.account import Account, Debt
from lutong_membership.agreements.domain.accruals import Accrual
from lutong_membership.agreements.domain.direct_debit import Deduction
from lutong_membership.agreements.domain.unit_of_work import UnitOfWork
from lutong_membership.agreements.store.agreements import agreements, members_of, save_agreements
from lutong_membership.ledger.domain.entries import Line, LineKey
from lutong_membership.ledger.store import entries
from lutong_membership.ledger.store.lines import lock_lines, read_lines

T = TypeVar("T", Accrual, Debt, Deduction)
Table = Literal["accrual", "debt", "deduction"]

_ACCRUAL: Final = tuple(Accrual.__dataclass_fields__)
_DEBT: Final = tuple(Debt.__dataclass_fields__)
_DEDUCTION: Final = tuple(Deduction.__dataclass_fields__)


async def open_work(
    tx: Tx,
    agreement_ids: Iterable[str],
    *,
    deducts: bool,
    lines: dict[LineKey, Line] | None = None,
    lock: bool = True,
) -> UnitOfWork:
    """Accounts of agreements that were signed. `lines` are given when they are locked already.

    Deductions are locked too: the job marks them as sent without the lock of the line.
    """
    wanted = sorted(set(agreement_ids))
    if lines is None:
        lines = await lock_lines(tx, await members_of(tx, wanted))
    pairs = await agreements(tx, wanted)
    accruals = await _by_agreement(tx, wanted, "accrual", Accrual, "at, accrual_id")
    debts = await _by_agreement(tx, wanted, "debt", Debt, "incurred_at, debt_id")
    deductions = await _by_agreement(
        tx, wanted, "deduction", Deduction, "deduction_id FOR NO KEY UPDATE" if lock else "deduction_id"
    )
    under_way = await open_holds(tx, wanted)
    accounts = {
        key: Account(
            agreement,
            plan,
            lines[LineKey(agreement.member_id, plan.currency)],
            accruals[key],
            debts[key],
            deductions[key],
            under_way.get(key, 0),
            deducts,
        )
        for key, (agreement, plan) in pairs.items()
        if agreement.signed_at is not None
    }
    return UnitOfWork(accounts, lines)


async def read_account(tx: Tx, agreement_id: str) -> Account | None:
    """An account to read: nothing is locked."""
    member = await members_of(tx, [agreement_id])
    lines = {line.key: line for line in await read_lines(tx, member[0])} if member else {}
    return (await open_work(tx, [agreement_id], deducts=False, lines=lines, lock=False)).account(agreement_id)


async def _by_agreement(
    tx: Tx, agreement_ids: Sequence[str], table: Table, cls: type[T], order: str
) -> dict[str, dict[str, T]]:
    """Rows of a table by agreement, and then by their own id."""
    rows = await tx.fetch(
        f"SELECT {', '.join(cls.__dataclass_fields__)} FROM {table} WHERE agreement_id = ANY ($1) ORDER BY {order}",
        agreement_ids,
    )
    found: dict[str, dict[str, T]] = defaultdict(dict)
    for row in rows:
        found[row["agreement_id"]][row[f"{table}_id"]] = cls(**dict(row))
    return found


async def agreements_in_debt(tx: Tx, keys: Iterable[LineKey]) -> dict[LineKey, list[str]]:
    """Agreements under which members owe something, by line. The lines must be locked."""
    rows = await tx.fetch(
        """
        SELECT DISTINCT member_id, currency, agreement_id
          FROM debt
         WHERE (member_id, currency) IN (SELECT * FROM unnest($1::text[], $2::text[])) AND outstanding_minor > 0
        """,
        *columns(sorted(set(keys)), 2),
    )
    found: dict[LineKey, list[str]] = defaultdict(list)
    for row in rows:
        found[LineKey(row["member_id"], row["currency"])].append(row["agreement_id"])
    return found


async def save_work(tx: Tx, work: UnitOfWork) -> None:
    """Write what was decided: only what is another than it was."""
    await entries.post(tx, {key: work.as_locked(key) for key in work.lines}, work.entries)
    still = [line for key, line in work.lines.items() if work.was_retargeted(key)]
    if still:
        await entries.retarget(tx, still)
    changes = work.changes()
    await save_agreements(tx, changes.agreements)
    await _save_accruals(tx, changes.accruals)
    await _save_debts(tx, changes.debts)
    await _save_deductions(tx, changes.deductions)


async def _save_accruals(tx: Tx, accruals: Sequence[Accrual]) -> None:
    if not accruals:
        return
    rows = [tuple(getattr(accrual, name) for name in _ACCRUAL) for accrual in accruals]
    await tx.execute(
        f"""
        INSERT INTO accrual ({", ".join(_ACCRUAL)})
        SELECT *
          FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::integer[], $6::bigint[], $7::bigint[],
                      $8::text[], $9::text[], $10::text[], $11::text[])
        """,
        *columns(rows, 11),
    )


async def _save_debts(tx: Tx, debts: Sequence[Debt]) -> None:
    if not debts:
        return
    rows = sorted((tuple(getattr(debt, name) for name in _DEBT) for debt in debts), key=lambda row: row[0])
    await tx.execute(
        f"""
        INSERT INTO debt ({", ".join(_DEBT)})
        SELECT *
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
                      $8::timestamptz[], $9::timestamptz[], $10::bigint[])
            ON CONFLICT (debt_id) DO UPDATE
            SET outstanding_minor = excluded.outstanding_minor, paid_minor = excluded.paid_minor
        """,
        *columns(rows, 10),
    )


async def _save_deductions(tx: Tx, deductions: Sequence[Deduction]) -> None:
    """A deduction that is due is claimed by the job from now on; one that is void is not."""
    if not deductions:
        return
    ordered = sorted(deductions, key=lambda deduction: (deduction.state != "void", deduction.deduction_id))
    rows = [tuple(getattr(deduction, name) for name in _DEDUCTION) for deduction in ordered]
    await tx.execute(
        f"""
        INSERT INTO deduction ({", ".join(_DEDUCTION)}, due_at)
        SELECT given.*, now()
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[],
                      $8::timestamptz[], $9::integer[], $10::text[], $11::text[]) AS given
            ON CONFLICT (deduction_id) DO UPDATE SET state = excluded.state, reason = excluded.reason, due_at = now()
        """,
        *columns(rows, 11),
    )


async def open_holds(tx: Tx, agreement_ids: Iterable[str]) -> dict[str, int]:
    """How many orders of agreements are under way."""
    rows = await tx.fetch(
        """
        SELECT agreement_id, count(*) AS n
          FROM hold
         WHERE agreement_id = ANY ($1) AND state IN ('waiting', 'held')
         GROUP BY agreement_id
        """,
        sorted(set(agreement_ids)),
    )
    return {row["agreement_id"]: row["n"] for row in rows}


async def agreements_of_orders(tx: Tx, order_ids: Iterable[str]) -> dict[str, str]:
    """Under which agreements orders were delivered, or something of them, by order."""
    rows = await tx.fetch(
        "SELECT order_id, agreement_id FROM hold WHERE order_id = ANY ($1) AND (state = 'captured' OR captured_minor > 0)",
        sorted(set(order_ids)),
    )
    return {row["order_id"]: row["agreement_id"] for row in rows}
