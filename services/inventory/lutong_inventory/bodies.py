"""What inventory's commands take."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from lutong_chassis import Command
from lutong_contracts.values import Identifier, LocationKind, Reason, Title
from lutong_inventory.domain import Step

Units = Annotated[int, Field(ge=0, le=10**9)]


class Site(Command):
    """A place that goods come from, in WGS-84 degrees."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "merchant_id": "watsons",
                    "kind": "store",
                    "name": "屈臣氏 南京西路店",
                    "latitude": 31.23,
                    "longitude": 121.46,
                }
            ]
        }
    )

    merchant_id: Identifier
    kind: LocationKind
    name: Title = Field(examples=["屈臣氏 南京西路店"])
    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False, examples=[31.23])
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False, examples=[121.47])
    open: bool | None = Field(default=None, description="absent: as it was, and open for a new location")


class NamedSite(Site):
    """A site with its id."""

    location_id: Identifier


class Sites(Command):
    """Several sites at once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "locations": [
                        {
                            "location_id": "store-1",
                            "merchant_id": "watsons",
                            "kind": "store",
                            "name": "屈臣氏",
                            "latitude": 31.23,
                            "longitude": 121.46,
                        }
                    ]
                }
            ]
        }
    )

    locations: list[NamedSite] = Field(min_length=1, max_length=1000)


class Count(Command):
    """What was counted on a shelf."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"on_hand": 12, "safety_stock": 2}]})

    on_hand: Units = Field(examples=[12])
    safety_stock: Units | None = Field(
        default=None, description="units that are never promised; absent: as it was, and 0 for a new shelf"
    )


class ShelfCount(Count):
    """A count with its shelf."""

    location_id: Identifier
    sku: Identifier


class ShelfCounts(Command):
    """Several counts at once."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"shelves": [{"location_id": "store-1", "sku": "mask", "on_hand": 12}]}]}
    )

    shelves: list[ShelfCount] = Field(min_length=1, max_length=2000)


class StepTaken(Command):
    """What store staff did with an order."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"step": "accepted", "location_id": "store-1"}]})

    step: Step
    location_id: Identifier


class StepsTaken(Command):
    """The same step with many orders, each at its own location."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"order_ids": ["01a20aa9-a380-749f-b6d9-b0115de3bc74"], "step": "accepted"}]}
    )

    order_ids: list[Identifier] = Field(min_length=1, max_length=500)
    step: Step


class ReturnedLine(Command):
    """Goods that are taken back."""

    sku: Identifier
    units: int = Field(ge=1, le=10_000)


class Refund(Command):
    """What of an order is taken back: goods, which say what they are worth, or an amount of what the member paid."""

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


class ReasonBody(Command):
    """Why a store cannot fulfil an order."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "cancelled_by_store"}]})

    reason: Reason = Field(default="cancelled_by_store", examples=["cancelled_by_store"])
