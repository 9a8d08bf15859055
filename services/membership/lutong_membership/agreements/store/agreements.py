"""Agreements: read, signed, moved. What a member has changes only under the lock of the member's lines."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

import asyncpg

from lutong_chassis import Cause, Reads, Tx, columns
from lutong_membership.agreements.domain.agreement import LIVE, Agreement, Pinned
from lutong_membership.plans.domain.newcomers import MemberPlan
from lutong_membership.plans.store.plans import as_plan

AGREEMENT: Final = """agreement.agreement_id, agreement.member_id, agreement.merchant_id, agreement.plan_id,
              agreement.version, agreement.state, agreement.holdout, agreement.signed_at, agreement.begins_at,
              agreement.ends_at, agreement.settle_at, agreement.grace_ends_at, agreement.free, agreement.charge_minor,
              agreement.step, agreement.step_due_at"""
PINNED: Final = """plan.currency, plan_version.line_limit_minor, plan_version.terms"""
JOINS: Final = """JOIN plan USING (plan_id)
          JOIN plan_version ON plan_version.plan_id = agreement.plan_id AND plan_version.version = agreement.version"""
"""An agreement is always read with the version of the plan that it was signed on."""


NO_CAUSES: Final[Mapping[str, Cause]] = MappingProxyType({})


class Signing(NamedTuple):
    """A member who wants to sign a plan, and the least number of days between two signatures of it."""

    member_id: str
    plan_id: str
    interval_days: int


class AgreementRow(NamedTuple):
    """An agreement as it is written; a new one remembers the journey that brought it."""

    agreement_id: str
    member_id: str
    merchant_id: str
    plan_id: str
    version: int
    state: str
    holdout: bool
    signed_at: datetime | None
    begins_at: datetime | None
    ends_at: datetime | None
    settle_at: datetime | None
    grace_ends_at: datetime | None
    free: bool
    charge_minor: int | None
    step: str
    step_due_at: datetime | None
    correlation_id: str | None
    causation_id: str | None


def as_pinned(row: asyncpg.Record) -> Pinned:
    """An agreement and its plan from a row with the columns `AGREEMENT` and `PINNED`."""
    agreement = Agreement(**{name: row[name] for name in Agreement.__dataclass_fields__})
    return Pinned(agreement, as_plan(row))


async def live_agreements(tx: Tx, members: Sequence[str]) -> dict[MemberPlan, Pinned]:
    """Live agreements of members; there is one per member and plan."""
    rows = await tx.fetch(
        f"SELECT {AGREEMENT}, {PINNED} FROM agreement {JOINS} WHERE agreement.member_id = ANY ($1) AND state = ANY ($2)",
        members,
        list(LIVE),
    )
    return {MemberPlan(row["member_id"], row["plan_id"]): as_pinned(row) for row in rows}


async def agreements(tx: Tx, agreement_ids: Iterable[str]) -> dict[str, Pinned]:
    """Agreements with their plans, by id."""
    rows = await tx.fetch(
        f"SELECT {AGREEMENT}, {PINNED} FROM agreement {JOINS} WHERE agreement_id = ANY ($1)", sorted(set(agreement_ids))
    )
    return {row["agreement_id"]: as_pinned(row) for row in rows}


async def members_of(tx: Tx, agreement_ids: Iterable[str]) -> list[str]:
    """Whose agreements these are."""
    rows = await tx.fetch(
        "SELECT DISTINCT member_id FROM agreement WHERE agreement_id = ANY ($1)", sorted(set(agreement_ids))
    )
    return [row["member_id"] for row in rows]


async def blockers(tx: Tx, signings: Iterable[Signing]) -> dict[MemberPlan, str]:
    """Why members may not sign now; those who may are left out."""
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
        *columns(sorted(set(signings)), 3),
    )
    return {MemberPlan(row["member_id"], row["plan_id"]): row["reason"] for row in rows}


async def save_agreements(tx: Tx, changed: Sequence[Agreement], causes: Mapping[str, Cause] = NO_CAUSES) -> None:
    """Write agreements that are new or in another state. `causes` are the journeys of new ones, by agreement."""
    if not changed:
        return
    in_key_order = sorted(changed, key=lambda agreement: agreement.agreement_id)
    rows = [_row(agreement, causes.get(agreement.agreement_id)) for agreement in in_key_order]
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


def _row(agreement: Agreement, cause: Cause | None) -> AgreementRow:
    return AgreementRow(
        **{name: getattr(agreement, name) for name in Agreement.__dataclass_fields__},
        correlation_id=cause.correlation_id if cause else None,
        causation_id=cause.causation_id if cause else None,
    )


async def decline(tx: Tx, reasons: Mapping[str, str]) -> None:
    """Remember why agreements were declined; reasons by agreement."""
    await tx.execute(
        """
        UPDATE agreement
           SET reason = given.reason
          FROM unnest($1::text[], $2::text[]) AS given(agreement_id, reason)
         WHERE agreement.agreement_id = given.agreement_id
        """,
        *columns(sorted(reasons.items()), 2),
    )


async def agreements_of(tx: Reads, member_id: str) -> list[dict[str, object]]:
    """A member's agreements with the reasons they were decided on, as they are shown. Never the points."""
    rows = await tx.fetch(
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
    return [dict(row) for row in rows]
