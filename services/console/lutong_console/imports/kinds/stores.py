"""stores: places that goods come from."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field

from lutong_console.imports.rows import Kind, Request, Row
from lutong_contracts.values import Identifier, LocationKind, Title


class StoreRow(Row):
    """A store or the flagship, in WGS-84 degrees."""

    location_id: Identifier = Field(examples=["watsons-sh-001"])
    merchant_id: Identifier = Field(examples=["watsons"])
    kind: LocationKind = Field("store", description="absent: store")
    name: Title = Field(examples=["屈臣氏 南京西路店"])
    latitude: float = Field(ge=-90, le=90, examples=[31.23])
    longitude: float = Field(ge=-180, le=180, examples=[121.47])
    open: bool | None = Field(None, description="absent: as it was, and open for a new one")


def request(rows: Sequence[StoreRow]) -> Request:
    """Open or change locations."""
    locations = [row.model_dump(exclude_none=True) for row in rows]
    return Request("POST", "/v1/locations/batch", {"locations": locations})


STORES: Final = Kind("stores", StoreRow, "inventory", ("location_id",), request)
