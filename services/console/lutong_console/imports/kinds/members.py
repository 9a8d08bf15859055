"""members: what is known of people who may ask for credit. It is written there and never given out."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field

from lutong_console.imports.rows import Kind, Request, Row
from lutong_contracts.values import Identifier


class MemberRow(Row):
    """A credit history. What is absent of the last two stays as it is."""

    member_id: Identifier = Field(examples=["reader-1"])
    months_known: int = Field(ge=0, le=1200, examples=[36])
    late_months: int = Field(ge=0, le=1200, examples=[0])
    worst_delay_months: int = Field(ge=0, le=1200, examples=[0])
    utilisation_percent: int = Field(ge=0, le=10_000, examples=[20])
    declared_limit_minor: int = Field(ge=0, le=10**12, examples=[2_000_000])
    latest_delay_months: int | None = Field(None, ge=0, le=1200)
    repaid_monthly_minor: int | None = Field(None, ge=0, le=10**12)


def request(rows: Sequence[MemberRow]) -> Request:
    """Send what is known of members."""
    return Request(
        "POST", "/v1/members/profiles/batch", {"profiles": [row.model_dump(exclude_none=True) for row in rows]}
    )


MEMBERS: Final = Kind("members", MemberRow, "membership", ("member_id",), request)
