"""Who follows an enterprise account is published, once per change; who follows a person is not."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import PublishedEvent, events_published, http_client
from lutong_contracts.topics import FOLLOWS
from lutong_feed.app import service

FOLLOWED = PublishedEvent("lutong.feed.account-followed.v1", "ann:shop")
UNFOLLOWED = PublishedEvent("lutong.feed.account-unfollowed.v1", "ann:shop")


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        accounts = [{"account_id": name, "name": name} for name in ("ann", "bo")]
        shop = {"account_id": "shop", "name": "shop", "kind": "enterprise"}
        (await client.post("/v1/accounts/batch", json={"accounts": [*accounts, shop]})).raise_for_status()
        yield client


async def test_follows_of_enterprises_are_published_once(client: httpx.AsyncClient, pool: Pool) -> None:
    for followee in ("shop", "shop", "bo"):
        await client.put(f"/v1/accounts/ann/follows/{followee}")
    for _ in range(2):
        await client.delete("/v1/accounts/ann/follows/shop")
    follows = [{"follower_id": "ann", "followee_id": name} for name in ("shop", "shop", "bo")]
    await client.post("/v1/follows/batch", json={"follows": follows})
    assert await events_published(pool) == [FOLLOWED, UNFOLLOWED, FOLLOWED]


async def test_a_block_ends_follows_for_others_too(client: httpx.AsyncClient, pool: Pool) -> None:
    await client.put("/v1/accounts/ann/follows/shop")
    await client.put("/v1/accounts/shop/blocks/ann")
    assert await events_published(pool) == [FOLLOWED, UNFOLLOWED]


async def test_what_is_older_than_the_topic_is_published_again(client: httpx.AsyncClient, pool: Pool) -> None:
    for follower, followee in (("ann", "shop"), ("bo", "shop"), ("bo", "ann")):
        await client.put(f"/v1/accounts/{follower}/follows/{followee}")
    body = {"reason": "the topic is new", "topic": FOLLOWS.name, "after": ""}
    first = (await client.post("/operations/entities", json=body)).json()
    behind = (await client.post("/operations/entities", json=body | {"after": "ann:shop"})).json()
    assert (first["published"], behind["published"]) == (2, 1)
