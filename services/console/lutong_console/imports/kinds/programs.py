"""programs: mini-programs with a reviewed manifest, which are in force when they are taken."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from lutong_console.imports.rows import AsJson, Kind, Listing, Request, Row
from lutong_contracts.values import PAGE_PATTERN, Identifier, Offer, Text, Title


class ProgramRow(Row):
    """A mini-program: what its card shows, what the search finds, what it sells."""

    program_id: Identifier = Field(examples=["demo-watsons"])
    merchant_id: Identifier = Field(examples=["watsons"])
    title: Title = Field(examples=["屈臣氏到家"])
    page: Annotated[str, StringConstraints(pattern=PAGE_PATTERN, max_length=256)] = Field(examples=["pages/shop/index"])
    description: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    keywords: Listing | None = Field(None, max_length=20, examples=["面膜;美妆"])
    category: str | None = Field(None, max_length=30)
    region: str | None = Field(None, max_length=30, description="where it is offered; absent: everywhere")
    offers: Annotated[list[Offer] | None, AsJson] = Field(
        None,
        max_length=500,
        examples=['[{"sku":"mask","title":"面膜","unit_price":{"amount_minor":3900,"currency":"CNY"}}]'],
    )


def request(rows: Sequence[ProgramRow]) -> Request:
    """Register and release programs; of two rows for one, the later counts."""
    latest = {row.program_id: row for row in rows}
    return Request("POST", "/v1/programs/batch", {"programs": [_onboarding(row) for row in latest.values()]})


def _onboarding(row: ProgramRow) -> dict[str, Any]:
    manifest = row.model_dump(exclude={"program_id", "merchant_id"}, exclude_none=True)
    return {"program_id": row.program_id, "merchant_id": row.merchant_id, "manifest": manifest}


PROGRAMS: Final = Kind("programs", ProgramRow, "registry", ("program_id",), request, rows_max=200)
