"""A program that declared what it uses is held to what operators granted it."""

import pytest

from lutong_chassis.database import Pool
from lutong_contracts.hosts import CapabilitiesChanged
from lutong_contracts.membership import CreditDeclined
from tests.integration.membership.story import a_member, names, tell
from tests.support.builders import a_request


def granted(revision: int, *names: str) -> CapabilitiesChanged:
    program_id = a_request().program_id
    return CapabilitiesChanged(program_id=program_id, granted=names, enforced=True, revision=revision)


@pytest.mark.usefixtures("client")
async def test_orders_are_held_while_payment_is_granted(pool: Pool) -> None:
    await a_member(pool, order="o-1", amount_minor=100)
    await tell(pool, granted(2, "pay"))
    assert "CreditHeld" in names(await tell(pool, a_request("o-2", 100)))
    await tell(pool, granted(3, "credit"), granted(1, "pay", "credit"))
    (declined,) = await tell(pool, a_request("o-3", 100))
    assert isinstance(declined, CreditDeclined)
    assert declined.reason == "pay_not_granted"


@pytest.mark.usefixtures("client")
async def test_nobody_joins_where_credit_is_not_granted(pool: Pool) -> None:
    await tell(pool, granted(1, "pay"))
    (declined,) = await tell(pool, a_request())
    assert isinstance(declined, CreditDeclined)
    assert declined.reason == "credit_not_granted"


@pytest.mark.usefixtures("client")
async def test_a_light_store_sells_with_the_grants_of_its_brand(pool: Pool) -> None:
    await a_member(pool, order="o-1", amount_minor=100)
    brand = CapabilitiesChanged(program_id="brand", granted=("pay",), enforced=True, revision=1)
    of_brand = {"program_id": "store-1", "offers_of": "brand"}
    await tell(pool, brand)
    assert "CreditHeld" in names(await tell(pool, a_request("o-2", 100).model_copy(update=of_brand)))
    (coupon,) = await tell(pool, a_request("o-3", 100).model_copy(update=of_brand | {"coupon_id": "c-1"}))
    await tell(pool, brand.model_copy(update={"granted": (), "revision": 2}))
    (declined,) = await tell(pool, a_request("o-4", 100).model_copy(update=of_brand))
    reasons = [event.reason for event in (coupon, declined) if isinstance(event, CreditDeclined)]
    assert reasons == ["coupons_not_granted", "pay_not_granted"]
