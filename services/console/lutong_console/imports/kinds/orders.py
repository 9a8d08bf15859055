"""orders: what viewers asked for from the cards on posts."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, Field

from lutong_console.imports.rows import AsJson, Kind, Request, Row
from lutong_contracts.values import Identifier, Mode

_PAIR: Final = re.compile(r"\s*([^:\s]+)\s*:\s*(\d+)\s*")


class OrderLine(BaseModel):
    """What is wanted, and how much of it."""

    sku: Identifier
    units: int = Field(ge=1, le=10_000)


def _lines(cell: object) -> object:
    """`mask:2;soap:1`, or JSON."""
    if not isinstance(cell, str) or cell.lstrip().startswith("["):
        return cell
    found = [_PAIR.fullmatch(part) for part in cell.split(";") if part.strip()]
    if not all(found):
        raise ValueError("must be written as sku:units;sku:units")
    return [{"sku": pair[1], "units": int(pair[2])} for pair in found if pair]


class OrderRow(Row):
    """An order. `request_id` distinguishes two orders of the same; it is not the order's id, which the feed gives."""

    request_id: Identifier = Field(examples=["2026-01-31-0001"])
    post_id: Identifier = Field(examples=["post-1"])
    viewer_id: Identifier = Field(examples=["reader-1"])
    lines: Annotated[list[OrderLine], AsJson, BeforeValidator(_lines)] = Field(
        min_length=1, max_length=200, description="or `sku:units;sku:units`", examples=["mask:2;soap:1"]
    )
    latitude: float = Field(ge=-90, le=90, description="where it is brought", examples=[31.23])
    longitude: float = Field(ge=-180, le=180, examples=[121.47])
    mode: Mode | None = Field(None, description="absent: delivery")
    coupon_id: Identifier | None = None


def request(rows: Sequence[OrderRow]) -> Request:
    """Order from a card, as its viewer."""
    (row,) = rows
    wanted: dict[str, Any] = row.model_dump(include={"viewer_id", "lines", "mode", "coupon_id"}, exclude_none=True)
    wanted["destination"] = {"latitude": row.latitude, "longitude": row.longitude}
    return Request("POST", f"/v1/posts/{row.post_id}/card/requests", wanted, row.request_id)


ORDERS: Final = Kind("orders", OrderRow, "feed", ("request_id",), request, rows_max=1)
