"""Questions to a credit provider, its answers, and the requests that wait for them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from lutong_chassis import Cause, Tx, columns
from lutong_contracts.feed import ServiceRequested
from lutong_membership.holds.domain.joining import ValidAssessment
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


class AssessmentCopy(NamedTuple):
    """An assessment that was made for one agreement and is valid for another one of the same member."""

    agreement_id: str
    further_id: str


class JobRow(NamedTuple):
    """A question to a provider, and the journey on which it is asked."""

    agreement_id: str
    correlation_id: str
    causation_id: str | None
    traceparent: str | None


class Verdict(NamedTuple):
    """What a provider answered, and until when it is valid."""

    job: AssessmentJob
    assessment: Assessment
    valid_until: datetime


class AssessmentRow(NamedTuple):
    """An assessment as it is written; `reasons` are joined by commas."""

    agreement_id: str
    member_id: str
    points: int | None
    limit_minor: int
    reasons: str
    provider: str
    valid_until: datetime


class Waiting(NamedTuple):
    """A request that waits for an agreement, and the cause of what follows from it."""

    agreement_id: str
    request: ServiceRequested
    cause: Cause


class WaitingRow(NamedTuple):
    """A request as it waits; `request` is JSON."""

    order_id: str
    agreement_id: str
    request: str
    correlation_id: str
    causation_id: str | None
    traceparent: str | None


class Waited(NamedTuple):
    """A request that waits no more, and whether its order was cancelled meanwhile."""

    waiting: Waiting
    cancelled: bool


async def lock_applicants(tx: Tx, members: Iterable[str]) -> dict[str, Applicant]:
    """Applicants, locked: no other transaction decides about these members until commit."""
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


async def copy_assessments(tx: Tx, copies: Sequence[AssessmentCopy]) -> None:
    """Make assessments valid for further agreements."""
    await tx.execute(
        """
        INSERT INTO assessment (agreement_id, member_id, points, limit_minor, reasons, provider, assessed_at, valid_until)
        SELECT further, member_id, points, limit_minor, reasons, provider, assessed_at, valid_until
          FROM assessment JOIN unnest($1::text[], $2::text[]) AS given(agreement_id, further) USING (agreement_id)
        """,
        *columns(copies, 2),
    )


async def ask_about(tx: Tx, causes: Mapping[str, Cause], give_up_at: datetime) -> None:
    """Enqueue a question to the provider for each agreement, with the cause of the question."""
    jobs = [JobRow(key, cause.correlation_id, cause.causation_id, cause.traceparent) for key, cause in causes.items()]
    await tx.execute(
        """
        INSERT INTO assessment_job (agreement_id, give_up_at, correlation_id, causation_id, traceparent)
        SELECT agreement_id, $5, correlation_id, causation_id, traceparent
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
               AS given(agreement_id, correlation_id, causation_id, traceparent)
        """,
        *columns(jobs, 4),
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


async def postpone_jobs(tx: Tx, due_at: Mapping[str, datetime]) -> None:
    """Ask again later; by agreement, when."""
    await tx.execute(
        """
        UPDATE assessment_job AS job
           SET due_at = given.due_at
          FROM unnest($1::text[], $2::timestamptz[]) AS given(agreement_id, due_at)
         WHERE job.agreement_id = given.agreement_id
        """,
        *columns(sorted(due_at.items()), 2),
    )


async def save_assessments(tx: Tx, verdicts: Sequence[Verdict]) -> None:
    """Keep verdicts. Points never leave this table."""
    rows = [
        AssessmentRow(
            agreement_id=job.agreement_id,
            member_id=job.application.member_id,
            points=assessment.points,
            limit_minor=assessment.limit_minor,
            reasons=",".join(assessment.reasons),
            provider=assessment.provider,
            valid_until=valid_until,
        )
        for job, assessment, valid_until in verdicts
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


async def wait(tx: Tx, waiting: Sequence[Waiting]) -> None:
    """Let requests wait for agreements, in order of arrival."""
    rows = [
        WaitingRow(
            order_id=request.order_id,
            agreement_id=agreement_id,
            request=request.model_dump_json(),
            correlation_id=cause.correlation_id,
            causation_id=cause.causation_id,
            traceparent=cause.traceparent,
        )
        for agreement_id, request, cause in waiting
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


async def end_waiting(tx: Tx, agreement_ids: Iterable[str]) -> list[Waited]:
    """Requests that waited for agreements, in order of arrival. They wait no more."""
    rows = await tx.fetch(
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
    return [
        Waited(
            Waiting(
                row["agreement_id"],
                ServiceRequested.model_validate_json(row["request"]),
                Cause(row["correlation_id"], row["causation_id"], row["traceparent"]),
            ),
            row["cancelled"],
        )
        for row in rows
    ]
