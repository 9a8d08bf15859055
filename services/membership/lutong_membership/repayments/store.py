"""Repayments: claimed, leased by the job, decided by evidence. The lines of their members are locked before they are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import asyncpg

from lutong_chassis import Cause, Reads, Tx, columns
from lutong_membership.ledger.domain.entries import LineKey
from lutong_membership.providers.payment.values import PaymentOrder
from lutong_membership.repayments.domain import Evidence, Repayment, RepaymentState

LEASE: Final = timedelta(seconds=60)
"""How long one process may be busy with a payment before another one asks what became of it."""

_COLUMNS: Final = ", ".join(Repayment.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment to take now, or one that was perhaps taken before."""

    order: PaymentOrder
    sent_before: bool
    tries: int


class Postponed(NamedTuple):
    """A repayment whose outcome is asked for at `due_at`; state `claimed` when it certainly did not arrive."""

    repayment_id: str
    state: RepaymentState
    due_at: datetime


def _of(row: asyncpg.Record) -> Repayment:
    return Repayment(**{name: row[name] for name in Repayment.__dataclass_fields__})


async def repayment(tx: Reads, repayment_id: str) -> Repayment | None:
    """A repayment, for looking at."""
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM repayment WHERE repayment_id = $1", repayment_id)
    return _of(row) if row else None


async def repayments(tx: Reads, state: str, after: str, limit: int) -> list[Repayment]:
    """Repayments in a state, by id."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM repayment WHERE state = $1 AND repayment_id > $2 ORDER BY repayment_id LIMIT $3",
        state,
        after,
        limit,
    )
    return [_of(row) for row in rows]


async def lock_repayments(tx: Tx, repayment_ids: Iterable[str]) -> dict[str, Repayment]:
    """Repayments, locked in key order. Lock the lines of their members first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM repayment WHERE repayment_id = ANY ($1) ORDER BY repayment_id FOR NO KEY UPDATE",
        sorted(set(repayment_ids)),
    )
    return {row["repayment_id"]: _of(row) for row in rows}


class BankLine(NamedTuple):
    """A line of a bank's statement; no other one has its reference."""

    bank: str
    reference: str

    @classmethod
    def of(cls, evidence: Evidence) -> "BankLine":
        """The line that is the evidence."""
        return cls(evidence.bank or "", evidence.reference)


class NewRepayment(NamedTuple):
    """A repayment and its journey; with `due_at` the job sends it to the provider from then on."""

    repayment: Repayment
    cause: Cause
    due_at: datetime | None = None


async def repayments_named(tx: Tx, repayment_ids: Iterable[str]) -> dict[str, Repayment]:
    """Repayments, for looking whose they are."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM repayment WHERE repayment_id = ANY ($1)", sorted(set(repayment_ids)))
    return {row["repayment_id"]: _of(row) for row in rows}


async def paid_by(tx: Tx, lines: Iterable[BankLine]) -> dict[BankLine, Repayment]:
    """What lines of bank statements paid. They are locked by name: no other transaction writes them until commit."""
    wanted = sorted(set(lines))
    await tx.lock("bank", [f"{bank} {reference}" for bank, reference in wanted])
    rows = await tx.fetch(
        f"""
        SELECT {_COLUMNS}
          FROM repayment
         WHERE evidence = 'bank' AND (bank, reference) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        """,
        *columns(wanted, 2),
    )
    return {BankLine(row["bank"], row["reference"]): _of(row) for row in rows}


async def claimed_minor(tx: Tx, keys: Iterable[LineKey]) -> dict[LineKey, int]:
    """How much members ask to pay that is not decided, by line. The lines must be locked."""
    rows = await tx.fetch(
        """
        SELECT member_id, currency, sum(amount_minor)::bigint AS claimed_minor
          FROM repayment
         WHERE (member_id, currency) IN (SELECT * FROM unnest($1::text[], $2::text[]))
           AND state IN ('claimed', 'sent', 'unknown') AND (state <> 'claimed' OR expires_at > $3)
         GROUP BY member_id, currency
        """,
        *columns(sorted(set(keys)), 2),
        tx.now,
    )
    return {LineKey(row["member_id"], row["currency"]): row["claimed_minor"] for row in rows}


async def add_repayments(tx: Tx, new: Sequence[NewRepayment]) -> None:
    """Write new repayments, each on its journey."""
    if not new:
        return
    names = tuple(Repayment.__dataclass_fields__)
    rows = sorted((*(getattr(each.repayment, name) for name in names), each.due_at, *each.cause[:2]) for each in new)
    await tx.execute(
        f"""
        INSERT INTO repayment ({_COLUMNS}, due_at, correlation_id, causation_id, claimed_at, decided_at)
        SELECT given.*, $16::timestamptz, CASE WHEN given.state IN ('confirmed', 'rejected') THEN $16::timestamptz END
          FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[], $7::text[],
                      $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::text[],
                      $15::text[]) AS given({_COLUMNS}, due_at, correlation_id, causation_id)
        """,
        *columns(rows, 15),
        tx.now,
    )


async def save_repayments(tx: Tx, decided: Sequence[Repayment]) -> None:
    """What became of locked repayments."""
    if not decided:
        return
    names = ("repayment_id", "state", "evidence", "bank", "reference", "decided_by", "reason")
    await tx.execute(
        """
        UPDATE repayment
           SET state = given.state, evidence = given.evidence, bank = given.bank, reference = given.reference,
               decided_by = given.decided_by, reason = given.reason, decided_at = $8, due_at = NULL
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
               AS given(repayment_id, state, evidence, bank, reference, decided_by, reason)
         WHERE repayment.repayment_id = given.repayment_id
           AND repayment.state IN ('claimed', 'sent', 'unknown')
        """,
        *columns([tuple(getattr(one, name) for name in names) for one in decided], 7),
        tx.now,
    )


async def receipts_known(tx: Tx, receipts: Iterable[str]) -> set[str]:
    """Receipts of the provider that confirmed a repayment already."""
    rows = await tx.fetch(
        "SELECT reference FROM repayment WHERE evidence = 'provider' AND reference = ANY ($1)", sorted(set(receipts))
    )
    return {row["reference"] for row in rows}


async def causes_of(tx: Tx, repayment_ids: Iterable[str]) -> dict[str, Cause]:
    """The journeys on which repayments were claimed."""
    rows = await tx.fetch(
        "SELECT repayment_id, correlation_id, causation_id FROM repayment WHERE repayment_id = ANY ($1)",
        sorted(set(repayment_ids)),
    )
    return {row["repayment_id"]: Cause(row["correlation_id"], row["causation_id"]) for row in rows}


async def claim_payments(tx: Tx, jobs_max: int) -> list[Payment]:
    """Lease payments that are due. Those that were never sent are marked as sent now: from here on they may have happened."""
    rows = await tx.fetch(
        """
        WITH due AS (
            SELECT repayment_id, state
              FROM repayment
             WHERE state IN ('claimed', 'sent', 'unknown') AND due_at <= clock_timestamp()
               AND (state <> 'claimed' OR expires_at > $2)
             ORDER BY due_at
             LIMIT $1
               FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE repayment
           SET due_at = $2 + $3::interval, tries = tries + 1,
               state = CASE WHEN due.state = 'claimed' THEN 'sent' ELSE due.state END
          FROM due
         WHERE repayment.repayment_id = due.repayment_id
        RETURNING repayment.repayment_id, member_id, amount_minor, currency, tries, due.state AS before
        """,
        jobs_max,
        tx.now,
        LEASE,
    )
    return [
        Payment(
            PaymentOrder(row["repayment_id"], row["member_id"], row["amount_minor"], row["currency"]),
            row["before"] != "claimed",
            row["tries"],
        )
        for row in rows
    ]


async def postpone_payments(tx: Tx, later: Sequence[Postponed]) -> None:
    """Ask again later. What certainly did not arrive is claimed again."""
    await tx.execute(
        """
        UPDATE repayment
           SET state = given.state, due_at = given.due_at
          FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS given(repayment_id, state, due_at)
         WHERE repayment.repayment_id = given.repayment_id AND repayment.state IN ('sent', 'unknown')
        """,
        *columns(sorted(later), 3),
    )
