"""What of a fulfilled order is taken back."""

from typing import Any, Self

from fastapi import Response
from pydantic import ConfigDict, Field, model_validator

from lutong_chassis import Ask, Command, allowed, audited
from lutong_contracts.values import Identifier, Line
from lutong_inventory.bodies import router
from lutong_inventory.refunds.domain import RefundOrder
from lutong_inventory.stock.domain.shelves import demand_by_sku


class ReturnedLine(Command):
    """Goods that are taken back."""

    sku: Identifier
    units: int = Field(ge=1, le=10_000)


class Refund(Command):
    """What of an order is taken back: goods, whose prices are known, or an amount of what the member paid."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"refund_id": "refund-1", "lines": [{"sku": "mask", "units": 1}], "restock": True}]
        }
    )

    refund_id: Identifier
    lines: list[ReturnedLine] = Field(default_factory=list, max_length=200)
    amount_minor: int | None = Field(default=None, ge=1, le=10**12)
    restock: bool = Field(default=False, description="the goods are on the shelf again")

    @model_validator(mode="after")
    def _is_goods_or_an_amount(self) -> Self:
        if bool(self.lines) == (self.amount_minor is not None):
            raise ValueError("give either lines or amount_minor")
        if self.restock and not self.lines:
            raise ValueError("only lines can be restocked")
        return self


@router.post("/v1/orders/{order_id}/refunds", status_code=201, response_model=dict[str, Any])
@allowed("merchant", "operator")
@audited("order.refund", shows=("refunded_minor", "refund_id"), reasoned=True)
async def refund_order(order_id: Identifier, command: Refund, ask: Ask) -> Response:
    """Take part of a fulfilled order back, or all of it. Never more than the member paid, over all refunds.

    A refund's id is its merchant's own. The same refund again is the same answer; 409 names what differs in another one.
    """
    units = demand_by_sku([Line(**line.model_dump(), unit_price_minor=0) for line in command.lines])
    return await ask(RefundOrder(order_id, command.refund_id, command.amount_minor, units, command.restock))
