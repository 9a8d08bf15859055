"""Who has to be asked about, what was answered, and what waits for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from lutong_chassis import Cause, Tx, columns
from lutong_contracts.feed import ServiceRequested
from lutong_membership.holds.domain.requests import ValidAssessment
from lutong_membership.providers.credit.values import Applicant, Application, Assessment

LEASE: Final = timedelta(seconds=20)
"""How long one process may ask about a member before another one does."""


@dataclass(frozen=True, slots=True)
class AssessmentJob:
    """A member about whom a provider is asked, for one agreement, and how often that was tried before."""

    agreement_id: str
    application: Application
    tries: int
    give_up_at: datetime
    cause: Cause


async def lock_applicants(tx: Tx, members: Iterable[str]) -> dict[str, Applicant]:
    """Applicants, locked: nobody else decides about these members until commit."""
    rows = await tx.fetch(
        f"""
        SELECT {", ".join(Applicant.__dataclass_fields__)}
          FROM applicant
         WHERE member_id = ANY ($1)
         ORDER BY member_id
           FOR NO KEY UPDATE
        """,
        sorted(set(members)),
    )
    return {row["member_id"]: Applicant(**dict(row)) for row in rows}


async def standing(tx: Tx, members: Sequence[str]) -> dict[str, ValidAssessment]:
    """The latest assessment of each member that still stands and admits them."""
    rows = await tx.fetch(
        """
        SELECT DISTINCT ON (member_id) member_id, limit_minor, agreement_id
          FROM assessment
         WHERE member_id = ANY ($1) AND valid_until > now() AND limit_minor > 0
         ORDER BY member_id, valid_until DESC
        """,
        members,
    )
    return {row["member_id"]: ValidAssessment(row["limit_minor"], row["agreement_id"]) for row in rows}


async def copy_assessments(tx: Tx, copies: Sequence[tuple[str, str]]) -> None:
    """Let assessments speak for further agreements, given as (assessed agreement, further agreement)."""
    await tx.execute(
        """
        INSERT INTO assessment (agreement_id, member_id, points, limit_minor, reasons, provider, assessed_at, valid_until)
        SELECT further, member_id, points, limit_minor, reasons, provider, assessed_at, valid_until
          FROM assessment JOIN unnest($1::text[], $2::text[]) AS given(agreement_id, further) USING (agreement_id)
        """,
        *columns(copies, 2),
    )


async def ask_about(tx: Tx, jobs: Sequence[tuple[str, Cause]], give_up_at: datetime) -> None:
    """Have providers asked for agreements, given with the cause of the question."""
    await tx.execute(
        """
        INSERT INTO assessment_job (agreement_id, give_up_at, correlation_id, causation_id, traceparent)
        SELECT agreement_id, $5, correlation_id, causation_id, traceparent
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
               AS given(agreement_id, correlation_id, causation_id, traceparent)
        """,
        *columns([(key, cause.correlation_id, cause.causation_id, cause.traceparent) for key, cause in jobs], 4),
        give_up_at,
    )


async def claim_jobs(tx: Tx, jobs_max: int) -> list[AssessmentJob]:
    """Lease jobs that are due, the oldest first."""
    names = Applicant.__dataclass_fields__
    rows = await tx.fetch(
        f"""
        UPDATE assessment_job AS job
           SET due_at = clock_timestamp() + $2::interval, tries = tries + 1
          FROM agreement JOIN applicant USING (member_id)
         WHERE job.agreement_id IN (SELECT agreement_id FROM assessment_job WHERE due_at <= clock_timestamp()
                                     ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
           AND agreement.agreement_id = job.agreement_id
        RETURNING job.agreement_id, job.tries - 1 AS tries, give_up_at, job.correlation_id, job.causation_id,
                  job.traceparent, {", ".join(f"applicant.{name}" for name in names)}
        """,
        jobs_max,
        LEASE,
    )
    return [
        AssessmentJob(
            row["agreement_id"],
            Applicant(**{name: row[name] for name in names}).applies(row["agreement_id"]),
            row["tries"],
            row["give_up_at"],
            Cause(row["correlation_id"], row["causation_id"], row["traceparent"]),
        )
        for row in rows
    ]


async def end_jobs(tx: Tx, agreement_ids: Iterable[str]) -> set[str]:
    """Jobs that are answered; gives those that were not before."""
    rows = await tx.fetch(
        "DELETE FROM assessment_job WHERE agreement_id = ANY ($1) RETURNING agreement_id", sorted(set(agreement_ids))
    )
    return {row["agreement_id"] for row in rows}


async def postpone_jobs(tx: Tx, jobs: Sequence[tuple[str, datetime]]) -> None:
    """Ask again later, given as (agreement, when)."""
    await tx.execute(
        """
        UPDATE assessment_job AS job
           SET due_at = given.due_at
          FROM unnest($1::text[], $2::timestamptz[]) AS given(agreement_id, due_at)
         WHERE job.agreement_id = given.agreement_id
        """,
        *columns(sorted(jobs), 2),
    )


async def save_assessments(tx: Tx, verdicts: Sequence[tuple[AssessmentJob, Assessment, datetime]]) -> None:
    """Keep verdicts, given as (job, verdict, until when it stands). Points never leave this table."""
    rows = [
        (
            job.agreement_id,
            job.application.member_id,
            verdict.points,
            verdict.limit_minor,
            ",".join(verdict.reasons),
            verdict.provider,
            valid_until,
        )
        for job, verdict, valid_until in verdicts
    ]
    await tx.execute(
        """
        INSERT INTO assessment (agreement_id, member_id, points, limit_minor, reasons, provider, valid_until)
        SELECT agreement_id, member_id, points, limit_minor, string_to_array(reasons, ',', ''), provider, valid_until
          FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[])
               AS given(agreement_id, member_id, points, limit_minor, reasons, provider, valid_until)
        """,
        *columns(rows, 7),
    )


async def limits(tx: Tx, agreement_ids: Iterable[str]) -> dict[str, int]:
    """Up to which limit agreements were assessed."""
    rows = await tx.fetch(
        "SELECT agreement_id, limit_minor FROM assessment WHERE agreement_id = ANY ($1)", sorted(set(agreement_ids))
    )
    return {row["agreement_id"]: row["limit_minor"] for row in rows}


async def wait(tx: Tx, waiting: Sequence[tuple[str, ServiceRequested, Cause]]) -> None:
    """Let requests wait for agreements, given with the cause of what follows from them, in order."""
    rows = [
        (request.order_id, agreement_id, request.model_dump_json(), c.correlation_id, c.causation_id, c.traceparent)
        for agreement_id, request, c in waiting
    ]
    await tx.execute(
        """
        INSERT INTO waiting_request (order_id, agreement_id, request, correlation_id, causation_id, traceparent)
        SELECT order_id, agreement_id, request, correlation_id, causation_id, traceparent
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY
               AS given(order_id, agreement_id, request, correlation_id, causation_id, traceparent, place)
         ORDER BY place
        """,
        *columns(rows, 6),
    )


async def end_waiting(tx: Tx, agreement_ids: Iterable[str]) -> list[asyncpg.Record]:
    """What waited for agreements, in order of arrival: (agreement_id, request, cancelled, and its cause). It waits no more."""
    return await tx.fetch(
        """
        WITH ended AS (
            DELETE FROM waiting_request
             WHERE agreement_id = ANY ($1)
            RETURNING order_id, agreement_id, place, request, correlation_id, causation_id, traceparent
        )
        SELECT ended.agreement_id, request, hold.state = 'cancelled' AS cancelled, correlation_id, causation_id,
               traceparent
          FROM ended JOIN hold USING (order_id)
         ORDER BY place
        """,
        sorted(set(agreement_ids)),
    )
