"""What is known of members."""

from collections.abc import Sequence

from lutong_chassis import Tx, columns
from lutong_membership.providers.credit.values import Applicant


async def save_applicants(tx: Tx, applicants: Sequence[Applicant]) -> None:
    """Create or replace what is known of members."""
    latest = sorted({applicant.member_id: applicant for applicant in applicants}.items())
    rows = [tuple(getattr(applicant, name) for name in Applicant.__dataclass_fields__) for _, applicant in latest]
    await tx.execute(
        f"""
        INSERT INTO applicant ({", ".join(Applicant.__dataclass_fields__)})
        SELECT *
          FROM unnest($1::text[], $2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::bigint[], $7::integer[],
                      $8::bigint[])
            ON CONFLICT (member_id) DO UPDATE
           SET months_known = excluded.months_known, late_months = excluded.late_months,
               worst_delay_months = excluded.worst_delay_months, utilisation_percent = excluded.utilisation_percent,
               declared_limit_minor = excluded.declared_limit_minor, latest_delay_months = excluded.latest_delay_months,
               repaid_monthly_minor = excluded.repaid_monthly_minor
        """,
        *columns(rows, 8),
    )


async def forget(tx: Tx, member_id: str) -> str | None:
    """Drop what is known of a member, points included, unless something is open between us; gives what is."""
    await tx.fetchrow("SELECT FROM applicant WHERE member_id = $1 FOR UPDATE", member_id)
    open_now: str | None = await tx.fetchval(
        """
        SELECT CASE
                 WHEN EXISTS (SELECT FROM agreement WHERE member_id = $1
                                AND state NOT IN ('declined', 'lapsed', 'closed')) THEN 'an agreement'
                 WHEN EXISTS (SELECT FROM credit_line WHERE member_id = $1
                                AND held_minor + owed_minor + charged_minor + uncovered_minor > 0) THEN 'a debt or a hold'
                 WHEN EXISTS (SELECT FROM credit_line WHERE member_id = $1 AND credit_minor > 0) THEN 'a credit'
               END
        """,
        member_id,
    )
    if open_now is None:
        await tx.execute("DELETE FROM assessment WHERE member_id = $1", member_id)
        await tx.execute("DELETE FROM applicant WHERE member_id = $1", member_id)
    return open_now
