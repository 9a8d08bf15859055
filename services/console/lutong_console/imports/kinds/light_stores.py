"""light-stores: shops that a brand's template makes, one for each store."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lutong_console.imports.rows import AsJson, Kind, Refusal, Request, Row
from lutong_contracts.values import HOURS_PATTERN, Identifier, Text, Title


class Overrides(BaseModel):
    """Fields of one store's manifest that are not those of the template."""

    model_config = ConfigDict(extra="forbid")

    title: Title | None = None
    description: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    page: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    keywords: list[Annotated[str, StringConstraints(min_length=1, max_length=30)]] | None = Field(None, max_length=20)
    category: Annotated[str, StringConstraints(min_length=1, max_length=30)] | None = None
    region: Annotated[str, StringConstraints(min_length=1, max_length=30)] | None = None


class LightStoreRow(Row):
    """A light store: its program is made of an approved template and of this row. The same row again changes nothing."""

    template_id: Identifier = Field(examples=["watsons-light"])
    store_id: Identifier = Field(description="a location of the brand", examples=["watsons-sh-001"])
    name: Title = Field(description="`{store_name}` of the template", examples=["南京西路店"])
    hours: Annotated[str, StringConstraints(pattern=HOURS_PATTERN, max_length=200)] | None = Field(
        None, description="`{hours}` of the template", examples=["1-5 09:00-22:00;6,7 10:00-20:00"]
    )
    city: Annotated[str, StringConstraints(min_length=1, max_length=30)] | None = Field(
        None, description="`{city}` of the template", examples=["上海"]
    )
    overrides: Annotated[Overrides | None, AsJson] = Field(
        None, description="fields of the manifest instead of the template's", examples=['{"keywords":["机场店"]}']
    )


def request(rows: Sequence[LightStoreRow]) -> Request:
    """Generate light stores, or change them; of two rows for one, the later counts."""
    latest = {(row.template_id, row.store_id): row for row in rows}
    return Request(
        "POST", "/v1/light-stores/batch", {"stores": [row.model_dump(exclude_none=True) for row in latest.values()]}
    )


def refusals(answer: Any, rows: Sequence[LightStoreRow]) -> list[Refusal | None]:  # noqa: ANN401  # JSON
    """What became of each row: those that were refused are named by their place in the request."""
    sent = list(dict.fromkeys((row.template_id, row.store_id) for row in rows))
    refused = {sent[each["row"]]: Refusal(each["column"], each["reason"], each["later"]) for each in answer["refused"]}
    return [refused.get((row.template_id, row.store_id)) for row in rows]


LIGHT_STORES: Final = Kind(
    "light-stores", LightStoreRow, "registry", ("template_id", "store_id"), request, rows_max=200, refusals=refusals
)
