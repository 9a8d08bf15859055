"""Repayments: claimed, leased by the job, decided by evidence. The lines of their members are locked before they are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import asyncpg

from lutong_chassis import Cause, Tx, columns
from lutong_membership.providers.payment.values import PaymentOrder
from lutong_membership.repayments.domain import Repayment, RepaymentState

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


async def repayment(tx: Tx, repayment_id: str) -> Repayment | None:
    """A repayment, for looking at."""
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM repayment WHERE repayment_id = $1", repayment_id)
    return _of(row) if row else None


async def repayments(tx: Tx, state: str, after: str, limit: int) -> list[Repayment]:
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


async def repayment_of(tx: Tx, bank: str, reference: str) -> Repayment | None:
    """What a line of a bank statement paid. The reference is locked by its name: no other transaction writes it until commit."""
    await tx.lock("bank", [f"{bank} {reference}"])
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM repayment WHERE evidence = 'bank' AND bank = $1 AND reference = $2", bank, reference
    )
    return _of(row) if row else None


async def claimed_minor(tx: Tx, member_id: str, currency: str) -> int:
    """How much a member asks to pay and is not decided. The member's lines must be locked."""
    return int(
        await tx.fetchval(
            """
            SELECT coalesce(sum(amount_minor), 0)
              FROM repayment
             WHERE member_id = $1 AND currency = $2
               AND (state IN ('sent', 'unknown') OR (state = 'claimed' AND expires_at > $3))
            """,
            member_id,
            currency,
            tx.now,
        )
    )


async def add_repayment(tx: Tx, repayment: Repayment, due_at: datetime | None = None) -> None:
    """A new repayment; with `due_at` the job sends it to the provider from then on."""
    await tx.execute(
        f"""
        INSERT INTO repayment ({_COLUMNS}, claimed_at, decided_at, due_at, correlation_id, causation_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
                CASE WHEN $7 IN ('confirmed', 'rejected') THEN $13::timestamptz END, $14, $15, $16)
        """,
        *(getattr(repayment, name) for name in Repayment.__dataclass_fields__),
        tx.now,
        due_at,
        tx.cause.correlation_id,
        tx.cause.causation_id,
    )


async def save_repayments(tx: Tx, decided: Sequence[Repayment]) -> None:
    """What became of locked repayments."""
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


async def cause_of(tx: Tx, repayment_id: str) -> Cause:
    """The journey on which a repayment was claimed."""
    row = await tx.fetchrow("SELECT correlation_id, causation_id FROM repayment WHERE repayment_id = $1", repayment_id)
    return Cause(row["correlation_id"], row["causation_id"]) if row else tx.cause


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
