"""A program that sells what another one of its merchant sells: the prices are those of that one, as they are now."""

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver
from lutong_contracts.registry import VersionReleased, VersionRolledBack
from lutong_contracts.values import Offer
from lutong_feed.handlers import handlers
from tests.integration.feed.test_feed import OFFER, WANTED, a_post, discovered

BRAND = {"program_id": "brand", "merchant_id": "shop", "title": "Brand", "page": "pages/home"}
LIGHT = VersionReleased(
    program_id="g-1", merchant_id="shop", version=1, title="Shop 1", page="pages/shop", offers=(), offers_of="brand"
)


def brand(version: int, price_minor: int, merchant_id: str = "shop") -> VersionReleased:
    offer = Offer.model_validate(OFFER.model_dump() | {"unit_price": {"amount_minor": price_minor, "currency": "CNY"}})
    return VersionReleased(**(BRAND | {"merchant_id": merchant_id}), version=version, offers=(offer,))


async def order(client: httpx.AsyncClient, post_id: str) -> httpx.Response:
    return await client.post(f"/v1/posts/{post_id}/card/requests", json=WANTED)


async def totals(pool: Pool) -> list[int]:
    async with pool.acquire() as connection:
        return [
            row["total_minor"]
            for row in await connection.fetch("SELECT total_minor FROM service_request ORDER BY order_id")
        ]


async def test_a_price_changes_in_one_place(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, LIGHT, brand(1, 300), discovered(post_id))
    assert (await order(client, post_id)).status_code == 202
    await deliver(pool, handlers, brand(2, 250))
    assert (await order(client, post_id)).status_code == 202
    assert await totals(pool) == [600, 500]
    named = await pool.fetch("SELECT payload::json ->> 'offers_of' FROM outbox WHERE type LIKE '%service-requested%'")
    assert [row[0] for row in named] == ["brand", "brand"]  # it is held to the grants of that one, too


@pytest.mark.parametrize("known", [(), (brand(1, 300, "rival"),)])
async def test_offers_of_nobody_and_of_another_merchant_are_none(
    known: tuple[VersionReleased, ...], client: httpx.AsyncClient, pool: Pool
) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, LIGHT, *known, discovered(post_id))
    refused = await order(client, post_id)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:lutong:problem:not_offered")


async def test_a_version_with_own_offers_sells_those(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client)
    back = VersionRolledBack(
        program_id="g-1", merchant_id="shop", withdrawn_version=2, version=1, title="Shop", page="p", offers=(OFFER,)
    )
    await deliver(pool, handlers, LIGHT, discovered(post_id))
    await deliver(pool, handlers, back)
    assert (await order(client, post_id)).status_code == 202
    assert await totals(pool) == [600]
