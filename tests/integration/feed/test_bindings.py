"""A viewer asks to order as a member, and ends it; orders name the member while it is bound."""

import asyncio

import httpx
import orjson

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, bearer, deliver
from lutong_contracts.membership import AccountBound, AccountUnbound
from lutong_feed.handlers import handlers
from tests.integration.feed.test_engagements import an_active_card
from tests.integration.feed.test_feed import WANTED

PLACE = "/v1/accounts/bo/member"
BO = bearer(a_member("bo"))


async def ask(client: httpx.AsyncClient, member_id: str = "m-1") -> httpx.Response:
    return await client.put(PLACE, json={"member_id": member_id}, headers=BO)


async def published(pool: Pool, *types: str) -> list[dict[str, str]]:
    """The events of these types, in order."""
    async with pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT type, payload FROM outbox WHERE split_part(type, '.', 3) = ANY ($1) ORDER BY id", list(types)
        )
    return [{"type": row["type"].split(".")[2]} | orjson.loads(row["payload"]) for row in rows]


async def bound(client: httpx.AsyncClient, pool: Pool) -> AccountBound:
    """Bo orders as m-1; gives the event of membership."""
    await ask(client)
    (asking,) = await published(pool, "account-binding-asked")
    event = AccountBound(viewer_id="bo", binding_id=asking["binding_id"], member_id="m-1")
    await deliver(pool, handlers, event)
    return event


async def state(client: httpx.AsyncClient) -> str | None:
    answer = await client.get(PLACE, headers=BO)
    return str(answer.json()["state"]) if answer.status_code == 200 else None


async def order(client: httpx.AsyncClient, post_id: str) -> None:
    assert (await client.post(f"/v1/posts/{post_id}/card/requests", json=WANTED)).status_code == 202


async def test_orders_name_the_member_while_it_is_bound(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await an_active_card(client, pool)
    await order(client, post_id)
    event = await bound(client, pool)
    await order(client, post_id)
    await deliver(pool, handlers, AccountUnbound(**event.model_dump(), ended_by="member"))
    await order(client, post_id)
    requests = await published(pool, "service-requested")
    assert [request.get("member_id") for request in requests] == [None, "m-1", None]


async def test_asking_twice_asks_once_and_another_member_is_refused(client: httpx.AsyncClient, pool: Pool) -> None:
    await an_active_card(client, pool)
    first, second = await ask(client), await ask(client)
    assert (first.json(), second.status_code) == (second.json(), 200)
    other = await ask(client, "m-2")
    assert (other.status_code, "end that first" in other.text) == (409, True)
    assert len(await published(pool, "account-binding-asked")) == 1


async def test_asking_at_once_asks_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await an_active_card(client, pool)
    answers = await asyncio.gather(*(ask(client, member) for member in ("m-1", "m-2") * 5))
    assert sorted({answer.status_code for answer in answers}) == [200, 409]
    assert len(await published(pool, "account-binding-asked")) == 1


async def test_a_viewer_ends_it_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await an_active_card(client, pool)
    await bound(client, pool)
    for _ in range(2):
        assert (await client.delete(PLACE, headers=BO)).status_code == 204
    assert await state(client) is None
    assert [event["member_id"] for event in await published(pool, "account-binding-ended")] == ["m-1"]


async def test_news_of_an_old_asking_leaves_the_new_one_alone(client: httpx.AsyncClient, pool: Pool) -> None:
    await an_active_card(client, pool)
    old = await bound(client, pool)
    await client.delete(PLACE, headers=BO)
    await ask(client)
    await deliver(pool, handlers, AccountUnbound(**old.model_dump(), ended_by="member"), old)
    assert await state(client) == "asked"


async def test_nobody_else_asks_for_a_viewer(client: httpx.AsyncClient, pool: Pool) -> None:
    await an_active_card(client, pool)
    theirs = await client.put(PLACE, json={"member_id": "m-1"}, headers=bearer(a_member("eve")))
    staff = await client.put(PLACE, json={"member_id": "m-1"})
    assert (theirs.status_code, staff.status_code) == (404, 403)
