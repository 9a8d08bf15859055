"""Deductions that wait for the job: leased, marked as sent before they are, and kept with their outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import asyncpg

from lutong_chassis import Cause, Tx, columns
from lutong_membership.agreements.domain.direct_debit import DeductionState
from lutong_membership.plans.domain.terms import Plan
from lutong_membership.plans.store.plans import as_plan
from lutong_membership.providers.deduction.values import Order

LEASE: Final = timedelta(seconds=60)
"""How long one process may be busy with an attempt before another one asks what became of it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to make now, or one that was perhaps made before."""

    order: Order
    agreement_id: str
    sent_before: bool
    tries: int
    cause: Cause


class DueAttempt(NamedTuple):
    """An attempt that is due, and the plan whose window it keeps to."""

    attempt: Attempt
    plan: Plan


class Leased(NamedTuple):
    """A deduction that is not looked at again before `due_at`; one that `waits` for its window is not sent now."""

    deduction_id: str
    due_at: datetime
    waits: bool


class Postponed(NamedTuple):
    """A deduction whose outcome is asked for again at `due_at`; state `due` when it certainly did not arrive."""

    deduction_id: str
    state: DeductionState
    due_at: datetime


class EndedDeduction(NamedTuple):
    """What became of a deduction; `reason` is why it failed."""

    deduction_id: str
    state: DeductionState
    reason: str | None = None


async def lock_due(tx: Tx, jobs_max: int) -> list[DueAttempt]:
    """Attempts that are due, the oldest first, locked; those that another process looks at are left out."""
    rows = await tx.fetch(
        """
        SELECT deduction_id, agreement_id, deduction.member_id, deduction.currency, amount_minor, deduction.state, tries,
               plan.merchant_id, plan_version.version, plan_version.plan_id, line_limit_minor, terms,
               correlation_id, causation_id
          FROM deduction JOIN agreement USING (agreement_id)
          JOIN plan ON plan.plan_id = agreement.plan_id
          JOIN plan_version ON plan_version.plan_id = agreement.plan_id AND plan_version.version = agreement.version
         WHERE deduction.state IN ('due', 'sent', 'unknown') AND due_at <= clock_timestamp()
         ORDER BY due_at
         LIMIT $1
           FOR UPDATE OF deduction SKIP LOCKED
        """,
        jobs_max,
    )
    return [DueAttempt(_attempt(row), as_plan(row)) for row in rows]


def _attempt(row: asyncpg.Record) -> Attempt:
    order = Order(row["deduction_id"], row["member_id"], row["amount_minor"], row["currency"])
    cause = Cause(row["correlation_id"] or row["agreement_id"], row["causation_id"])
    return Attempt(order, row["agreement_id"], row["state"] != "due", row["tries"], cause)


async def lease(tx: Tx, leased: Sequence[Leased]) -> None:
    """Lease attempts. One that was never sent is marked as sent: from now on it may have happened."""
    await tx.execute(
        """
        UPDATE deduction
           SET due_at = given.due_at,
               state = CASE WHEN waits OR state <> 'due' THEN state ELSE 'sent' END,
               sent_at = CASE WHEN waits OR state <> 'due' THEN sent_at ELSE now() END,
               tries = CASE WHEN waits THEN tries ELSE tries + 1 END
          FROM unnest($1::text[], $2::timestamptz[], $3::boolean[]) AS given(deduction_id, due_at, waits)
         WHERE deduction.deduction_id = given.deduction_id
        """,
        *columns(sorted(leased), 3),
    )


async def postpone_deductions(tx: Tx, later: Sequence[Postponed]) -> None:
    """Ask again later. An attempt that certainly did not arrive is due again."""
    await tx.execute(
        """
        UPDATE deduction
           SET state = given.state, due_at = given.due_at,
               sent_at = CASE WHEN given.state = 'due' THEN NULL ELSE sent_at END
          FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS given(deduction_id, state, due_at)
         WHERE deduction.deduction_id = given.deduction_id AND deduction.state IN ('sent', 'unknown')
        """,
        *columns(sorted(later), 3),
    )


async def end_deductions(tx: Tx, ended: Sequence[EndedDeduction]) -> set[str]:
    """Keep outcomes; gives the ids of those that were not known before."""
    in_key_order = sorted(ended, key=lambda one: one.deduction_id)
    rows = await tx.fetch(
        """
        UPDATE deduction
           SET state = given.state, reason = given.reason, answered_at = now(), due_at = NULL
          FROM unnest($1::text[], $2::text[], $3::text[]) AS given(deduction_id, state, reason)
         WHERE deduction.deduction_id = given.deduction_id AND deduction.state IN ('sent', 'unknown')
        RETURNING deduction.deduction_id
        """,
        *columns(in_key_order, 3),
    )
    return {row["deduction_id"] for row in rows}
