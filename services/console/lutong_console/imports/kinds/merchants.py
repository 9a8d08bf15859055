"""merchants: who offers mini-programs."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field

from lutong_console.imports.rows import Kind, Request, Row
from lutong_contracts.values import Identifier, Title


class MerchantRow(Row):
    """A merchant's public name."""

    merchant_id: Identifier = Field(examples=["watsons"])
    name: Title = Field(examples=["屈臣氏"])


def request(rows: Sequence[MerchantRow]) -> Request:
    """Create or rename merchants; of two rows for one, the later counts."""
    latest = {row.merchant_id: row for row in rows}
    merchants = [row.model_dump() for row in latest.values()]
    return Request("POST", "/v1/merchants/batch", {"merchants": merchants})


MERCHANTS: Final = Kind("merchants", MerchantRow, "registry", ("merchant_id",), request)
