"""One card is taken off by who is responsible for it, with a reason, and stays off."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import httpx
import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, a_merchant, an_operator, bearer, deliver, in_transaction
from lutong_contracts.registry import ProgramResumed
from lutong_feed.handlers import handlers
from tests.integration.feed.test_feed import RELEASED, SUSPENDED, a_post, card, discovered

TakeOff = Callable[[Principal, str], Awaitable[httpx.Response]]
OFF = ("unavailable", "taken_off")


@pytest.fixture
def take_off(client: httpx.AsyncClient) -> TakeOff:
    async def taken(who: Principal, post_id: str) -> httpx.Response:
        path, reason = f"/v1/posts/{post_id}/card/removal", {"reason": "not_related"}
        return await client.post(path, json=reason, headers=bearer(who))

    return taken


async def a_card(client: httpx.AsyncClient, pool: Pool) -> str:
    """A post of ann's that leads to the shop."""
    post_id = await a_post(client)
    await deliver(pool, handlers, RELEASED, discovered(post_id))
    return post_id


class TakenOff(NamedTuple):
    """A published removal, by what tests compare."""

    post_id: str
    by: str


async def events(pool: Pool) -> list[TakenOff]:
    async with in_transaction(pool) as tx:
        rows = await tx.fetch(
            """
            SELECT payload::json ->> 'post_id' AS post_id, payload::json ->> 'by' AS by
              FROM outbox WHERE type = 'lutong.feed.card-taken-off.v1' ORDER BY id
            """
        )
    return [TakenOff(*row) for row in rows]


@pytest.mark.parametrize(
    ("who", "by"),
    [(a_member("ann"), "author"), (a_merchant("shop"), "merchant"), (an_operator(), "operator")],
    ids=["author", "merchant", "operator"],
)
async def test_who_is_responsible_takes_one_card_off(
    who: Principal, by: str, take_off: TakeOff, client: httpx.AsyncClient, pool: Pool
) -> None:
    post_id, other = await a_card(client, pool), await a_card(client, pool)
    answer = await take_off(who, post_id)
    assert answer.json() == {"post_id": post_id, "by": by, "reason": "not_related"}
    assert await card(client, post_id) == OFF
    assert (await client.get(f"/v1/posts/{post_id}")).json()["card"]["program_id"] is None
    assert await card(client, other) == ("active", None)
    refused = await client.post(f"/v1/posts/{post_id}/card/taps", json={"viewer_id": "bo"})
    assert (refused.status_code, refused.json()["reason"]) == (409, "taken_off")
    assert await events(pool) == [(post_id, by)]


@pytest.mark.parametrize("who", [a_member("bo"), a_merchant("rival")], ids=["member", "merchant"])
async def test_nobody_else_takes_a_card_off(
    who: Principal, take_off: TakeOff, client: httpx.AsyncClient, pool: Pool
) -> None:
    post_id = await a_card(client, pool)
    assert (await take_off(who, post_id)).status_code == 404
    assert await card(client, post_id) == ("active", None)
    assert await events(pool) == []


async def test_a_card_is_taken_off_once(take_off: TakeOff, client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_card(client, pool)
    first = await take_off(a_merchant("shop"), post_id)
    assert (await take_off(a_member("ann"), post_id)).json() == first.json()
    assert await events(pool) == [(post_id, "merchant")]


async def test_a_card_stays_off_whatever_is_found_later(
    take_off: TakeOff, client: httpx.AsyncClient, pool: Pool
) -> None:
    early, late = await a_post(client), await a_card(client, pool)
    for post_id in (early, late):
        assert (await take_off(a_member("ann"), post_id)).status_code == 200
    await deliver(pool, handlers, discovered(early), discovered(late))
    await deliver(pool, handlers, SUSPENDED)
    await deliver(pool, handlers, ProgramResumed(program_id="g-1"))
    assert [await card(client, post_id) for post_id in (early, late)] == [OFF, OFF]
    kept = await a_card(client, pool)  # the control
    assert await card(client, kept) == ("active", None)
