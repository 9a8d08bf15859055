"""What there is to know of a merchant."""

from pydantic import BaseModel, Field

from lutong_chassis import Read, allowed, not_found
from lutong_contracts.values import Identifier
from lutong_registry.bodies import router
from lutong_registry.merchants import store


class MerchantView(BaseModel):
    """A merchant: the accounts that staff bound to it, how many places it has, and the plan that members may join.

    `places` are all that are not closed for good, `places_open` those that take orders. `charge_cap_minor` is the most
    that failing the plan can cost.
    """

    merchant_id: str
    name: str
    account_ids: list[str] = Field(examples=[["watsons-official"]])
    places: int
    places_open: int
    plan_id: str | None
    plan_title: str | None
    discount_percent: int | None
    charge_cap_minor: int | None
    currency: str | None


@router.get("/v1/merchants/{merchant_id}")
@allowed("anybody")
async def get_merchant(merchant_id: Identifier, read: Read) -> MerchantView:
    """A merchant as everybody may know it."""
    return MerchantView.model_validate(await store.merchant(read, merchant_id) or not_found("merchant", merchant_id))
