"""Plans, what is known of members, and what they may see."""

from collections.abc import Sequence

import asyncpg

from lutong_chassis import Tx, columns
from lutong_membership.domain import Applicant, Plan


async def save_plan(tx: Tx, plan: Plan, title: str) -> None:
    """Create or change a plan; it becomes the merchant's open one."""
    await tx.execute(
        "UPDATE plan SET open = false WHERE merchant_id = $1 AND plan_id <> $2", plan.merchant_id, plan.plan_id
    )
    await tx.execute(
        """
        INSERT INTO plan (plan_id, merchant_id, title, currency, line_limit_minor)
        VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (plan_id) DO UPDATE
           SET title = excluded.title, line_limit_minor = excluded.line_limit_minor, open = true
        """,
        plan.plan_id,
        plan.merchant_id,
        title,
        plan.currency,
        plan.line_limit_minor,
    )


async def plan(tx: Tx, plan_id: str) -> asyncpg.Record | None:
    """A plan by its id."""
    return await tx.fetchrow("SELECT * FROM plan WHERE plan_id = $1", plan_id)


async def save_applicants(tx: Tx, applicants: Sequence[Applicant]) -> None:
    """Create or replace what is known of members."""
    rows = [
        (
            a.member_id,
            a.months_known,
            a.late_months,
            a.worst_delay_months,
            a.utilisation_percent,
            a.declared_limit_minor,
        )
        for _, a in sorted({applicant.member_id: applicant for applicant in applicants}.items())
    ]
    await tx.execute(
        """
        INSERT INTO applicant
        SELECT * FROM unnest($1::text[], $2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::bigint[])
            ON CONFLICT (member_id) DO UPDATE
           SET months_known = excluded.months_known, late_months = excluded.late_months,
               worst_delay_months = excluded.worst_delay_months, utilisation_percent = excluded.utilisation_percent,
               declared_limit_minor = excluded.declared_limit_minor
        """,
        *columns(rows, 6),
    )


async def agreements_of(tx: Tx, member_id: str) -> list[asyncpg.Record]:
    """A member's agreements with the reasons they were decided on. Never the points."""
    return await tx.fetch(
        """
        SELECT agreement_id, plan_id, merchant_id, state, decided_at, reasons
          FROM agreement JOIN plan USING (plan_id) JOIN assessment USING (agreement_id)
         WHERE agreement.member_id = $1
         ORDER BY decided_at, agreement_id
        """,
        member_id,
    )


async def hold(tx: Tx, order_id: str) -> asyncpg.Record | None:
    """What is, or was, held for an order."""
    return await tx.fetchrow("SELECT * FROM hold WHERE order_id = $1", order_id)
