"""stock: what was counted on the shelves of stores."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field

from lutong_console.imports.rows import Kind, Request, Row
from lutong_contracts.values import Identifier


class StockRow(Row):
    """A count of one SKU at one location, in units."""

    location_id: Identifier = Field(examples=["watsons-sh-001"])
    sku: Identifier = Field(examples=["mask"])
    on_hand: int = Field(ge=0, le=10**9, examples=[12])
    safety_stock: int | None = Field(
        None, ge=0, le=10**9, description="units never promised; absent: as it was", examples=[2]
    )


def request(rows: Sequence[StockRow]) -> Request:
    """Report what was counted."""
    return Request("POST", "/v1/stock/batch", {"shelves": [row.model_dump(exclude_none=True) for row in rows]})


STOCK: Final = Kind("stock", StockRow, "inventory", ("location_id", "sku"), request, rows_max=2000)
