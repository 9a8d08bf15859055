"""Agreements: read, signed, moved. Whoever changes what a member has holds the lock of the member's lines."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg

from lutong_chassis import Cause, Tx, columns
from lutong_membership.agreements.domain.agreement import LIVE, Agreement
from lutong_membership.plans.domain.terms import Plan
from lutong_membership.plans.store.plans import as_plan

AGREEMENT: Final = """agreement.agreement_id, agreement.member_id, agreement.merchant_id, agreement.plan_id,
              agreement.version, agreement.state, agreement.holdout, agreement.signed_at, agreement.begins_at,
              agreement.ends_at, agreement.settle_at, agreement.grace_ends_at, agreement.free, agreement.charge_minor,
              agreement.step, agreement.step_due_at"""
PINNED: Final = """plan.currency, plan_version.line_limit_minor, plan_version.terms"""
JOINS: Final = """JOIN plan USING (plan_id)
          JOIN plan_version ON plan_version.plan_id = agreement.plan_id AND plan_version.version = agreement.version"""
"""An agreement is always read with the version of the plan that it was signed on."""


def as_agreement(row: Any) -> Agreement:  # noqa: ANN401  # a row with the columns above
    """An agreement from a row."""
    return Agreement(**{name: row[name] for name in Agreement.__dataclass_fields__})


def as_pair(row: Any) -> tuple[Agreement, Plan]:  # noqa: ANN401  # a row with the columns above
    """An agreement and its plan from a row."""
    return as_agreement(row), as_plan(row)


async def live_agreements(tx: Tx, members: Sequence[str]) -> dict[tuple[str, str], tuple[Agreement, Plan]]:
    """Live agreements of members, by (member, plan)."""
    rows = await tx.fetch(
        f"SELECT {AGREEMENT}, {PINNED} FROM agreement {JOINS} WHERE agreement.member_id = ANY ($1) AND state = ANY ($2)",
        members,
        list(LIVE),
    )
    return {(row["member_id"], row["plan_id"]): as_pair(row) for row in rows}


async def agreements(tx: Tx, agreement_ids: Iterable[str]) -> dict[str, tuple[Agreement, Plan]]:
    """Agreements with their plans, by id."""
    rows = await tx.fetch(
        f"SELECT {AGREEMENT}, {PINNED} FROM agreement {JOINS} WHERE agreement_id = ANY ($1)", sorted(set(agreement_ids))
    )
    return {row["agreement_id"]: as_pair(row) for row in rows}


async def members_of(tx: Tx, agreement_ids: Iterable[str]) -> list[str]:
    """Whose agreements these are."""
    rows = await tx.fetch(
        "SELECT DISTINCT member_id FROM agreement WHERE agreement_id = ANY ($1)", sorted(set(agreement_ids))
    )
    return [row["member_id"] for row in rows]


async def blockers(tx: Tx, joining: Sequence[tuple[str, str, int]]) -> dict[tuple[str, str], str]:
    """Why members, given as (member, plan, days between two signatures), may not sign a plan now."""
    rows = await tx.fetch(
        """
        SELECT member_id, plan_id,
               CASE WHEN EXISTS (SELECT FROM agreement
                                  WHERE agreement.member_id = joining.member_id
                                    AND step IN ('blocked', 'suspended', 'proposed'))
                    THEN 'debts_overdue' ELSE 'signed_recently' END AS reason
          FROM unnest($1::text[], $2::text[], $3::integer[]) AS joining(member_id, plan_id, interval_days)
         WHERE EXISTS (SELECT FROM agreement
                        WHERE agreement.member_id = joining.member_id
                          AND (step IN ('blocked', 'suspended', 'proposed')
                               OR (agreement.plan_id = joining.plan_id
                                   AND signed_at > now() - interval_days * interval '1 day')))
        """,
        *columns(sorted(set(joining)), 3),
    )
    return {(row["member_id"], row["plan_id"]): row["reason"] for row in rows}


async def save_agreements(tx: Tx, changed: Sequence[tuple[Agreement, Cause | None]]) -> None:
    """Write agreements that are new or went on; a new one remembers the journey that brought it."""
    if not changed:
        return
    names = list(Agreement.__dataclass_fields__)
    rows = [
        (
            *(getattr(agreement, name) for name in names),
            cause.correlation_id if cause else None,
            cause.causation_id if cause else None,
        )
        for agreement, cause in sorted(changed, key=lambda item: item[0].agreement_id)
    ]
    await tx.execute(
        """
        INSERT INTO agreement (agreement_id, member_id, merchant_id, plan_id, version, state, holdout, signed_at,
                               begins_at, ends_at, settle_at, grace_ends_at, free, charge_minor, step, step_due_at,
                               correlation_id, causation_id)
        SELECT *
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::text[], $7::boolean[],
                      $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[],
                      $12::timestamptz[], $13::boolean[], $14::bigint[], $15::text[], $16::timestamptz[],
                      $17::text[], $18::text[])
            ON CONFLICT (agreement_id) DO UPDATE
           SET state = excluded.state, signed_at = excluded.signed_at, begins_at = excluded.begins_at,
               ends_at = excluded.ends_at, settle_at = excluded.settle_at, grace_ends_at = excluded.grace_ends_at,
               free = excluded.free, charge_minor = excluded.charge_minor, step = excluded.step,
               step_due_at = excluded.step_due_at, changed_at = now()
        """,
        *columns(rows, 18),
    )


async def decline(tx: Tx, reasons: Sequence[tuple[str, str]]) -> None:
    """Remember why agreements, given as (agreement, reason), were declined."""
    await tx.execute(
        """
        UPDATE agreement
           SET reason = given.reason
          FROM unnest($1::text[], $2::text[]) AS given(agreement_id, reason)
         WHERE agreement.agreement_id = given.agreement_id
        """,
        *columns(sorted(reasons), 2),
    )


async def agreements_of(tx: Tx, member_id: str) -> list[asyncpg.Record]:
    """A member's agreements with the reasons they were decided on. Never the points."""
    return await tx.fetch(
        f"""
        SELECT {AGREEMENT}, plan_version.title, plan.currency, asked_at, agreement.reason,
               coalesce(assessment.reasons, '{{}}') AS reasons
          FROM agreement {JOINS}
          LEFT JOIN assessment USING (agreement_id)
         WHERE agreement.member_id = $1
         ORDER BY asked_at, agreement_id
        """,
        member_id,
    )
