"""plans: light memberships that merchants offer."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from lutong_console.imports.rows import AsJson, Kind, Request, Row
from lutong_contracts.values import Identifier, Title


class PlanRow(Row):
    """A plan; without `terms` it keeps those it has, and a new one asks for nothing."""

    plan_id: Identifier = Field(examples=["watsons-light"])
    merchant_id: Identifier = Field(examples=["watsons"])
    title: Title = Field(examples=["屈臣氏轻会员"])
    line_limit_minor: int = Field(ge=1, le=10**12, description="in minor units", examples=[300_000])
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = Field(None, examples=["CNY"])
    terms: Annotated[dict[str, Any] | None, AsJson] = Field(None, description="as `PUT /v1/plans/{plan_id}` takes them")


def request(rows: Sequence[PlanRow]) -> Request:
    """Write the next version of a plan, unless its latest is the same."""
    (row,) = rows
    return Request("PUT", f"/v1/plans/{row.plan_id}", row.model_dump(exclude={"plan_id"}, exclude_none=True))


PLANS: Final = Kind("plans", PlanRow, "membership", ("plan_id",), request, rows_max=1)
