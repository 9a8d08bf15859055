"""What members, merchants and operators may look at."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from lutong_chassis import Cause, Reads, Tx
from lutong_membership.agreements.domain.agreement import State, Step
from lutong_membership.agreements.store.agreements import AGREEMENT, JOINS, PINNED

_PARTS: Final = {
    "accruals": """
        SELECT accrual_id, agreement_id, kind, at, times, amount_minor, benefit_minor, order_id, right_id, cites, effect,
               recorded_at
          FROM accrual WHERE agreement_id = $1 ORDER BY recorded_at, accrual_id LIMIT 1000
    """,
    "debts": """
        SELECT debt_id, agreement_id, member_id, currency, kind, amount_minor, outstanding_minor, incurred_at, due_at, paid_minor
          FROM debt WHERE agreement_id = $1 ORDER BY incurred_at, debt_id LIMIT 1000
    """,
    "deductions": """
        SELECT deduction_id, amount_minor, notified_at, not_before, attempt, state, reason, answered_at
          FROM deduction WHERE agreement_id = $1 ORDER BY notified_at, deduction_id LIMIT 1000
    """,
    "entries": """
        SELECT number, kind, order_id, debt_id, reference, at, encode(hash, 'hex') AS hash,
               (SELECT json_object_agg(account, amount_minor ORDER BY account) FROM posting
                 WHERE posting.entry_id = entry.entry_id)::text AS postings
          FROM entry WHERE member_id = $2 AND agreement_id = $1 ORDER BY entry_id LIMIT 1000
    """,
}


class StatedAgreement(NamedTuple):
    """An agreement with the version of its plan that was signed; `terms` are JSON, `reason` is why it was declined."""

    agreement_id: str
    member_id: str
    merchant_id: str
    plan_id: str
    version: int
    state: State
    holdout: bool
    signed_at: datetime | None
    begins_at: datetime | None
    ends_at: datetime | None
    settle_at: datetime | None
    grace_ends_at: datetime | None
    free: bool
    charge_minor: int | None
    step: Step
    step_due_at: datetime | None
    currency: str
    line_limit_minor: int
    terms: str
    title: str
    asked_at: datetime
    changed_at: datetime
    reason: str | None


async def agreement(tx: Reads, agreement_id: str) -> StatedAgreement | None:
    """An agreement with the version that was signed."""
    row = await tx.fetchrow(
        f"""
        SELECT {AGREEMENT}, {PINNED}, plan_version.title, asked_at, changed_at, reason
          FROM agreement {JOINS}
         WHERE agreement_id = $1
        """,
        agreement_id,
    )
    return StatedAgreement(**dict(row)) if row else None


async def journey_of(tx: Tx, agreement_id: str) -> Cause:
    """What happens to an agreement continues the journey that brought it, unless that is not known."""
    row = await tx.fetchrow("SELECT correlation_id, causation_id FROM agreement WHERE agreement_id = $1", agreement_id)
    return Cause(row["correlation_id"], row["causation_id"]) if row and row["correlation_id"] else tx.cause


async def journeys_of(tx: Tx, agreement_ids: Iterable[str]) -> dict[str, Cause]:
    """The journeys that brought agreements, as far as they are known."""
    rows = await tx.fetch(
        "SELECT agreement_id, correlation_id, causation_id FROM agreement WHERE agreement_id = ANY ($1)",
        sorted(set(agreement_ids)),
    )
    return {
        row["agreement_id"]: Cause(row["correlation_id"], row["causation_id"]) for row in rows if row["correlation_id"]
    }


async def statement(tx: Tx, agreement_id: str, member_id: str) -> dict[str, list[dict[str, Any]]]:
    """Everything that was counted, owed, deducted and booked under an agreement, in order of time."""
    parts = {
        part: [dict(row) for row in await tx.fetch(sql, agreement_id, *([member_id] if part == "entries" else []))]
        for part, sql in _PARTS.items()
    }
    for entry in parts["entries"]:
        entry["postings"] = orjson.loads(entry["postings"])
    return parts
