"""Other publishers put posts on the feed's topic: they exist in the feed, or are refused with a reason."""

import asyncio

import httpx
import pytest

from lutong_chassis import processing
from lutong_chassis.database import Pool
from lutong_chassis.envelope import Cause, Received
from lutong_chassis.testing import a_received, deliver, events_published, in_transaction
from lutong_contracts import Event
from lutong_contracts.feed import PostPublished, PostRefused
from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound, VersionReleased
from lutong_contracts.values import Money, Offer
from lutong_feed.handlers import handlers
from tests.support.builders import beside_timelines
from tests.support.harness import until

OFFER = Offer(sku="tea", title="Tea", unit_price=Money(amount_minor=300, currency="CNY"))
RELEASED = VersionReleased(
    program_id="g-1", merchant_id="shop", version=1, title="Shop", page="pages/shop", offers=(OFFER,)
)


def a_foreign(post_id: str = "cms-1", author: str = "ann", text: str = "公积金新政策") -> Received[Event]:
    post = PostPublished(post_id=post_id, author_id=author, text=text)
    return a_received(post, id=f"of-{post_id}", cause=Cause("journey-of-the-cms"))._replace(source="/partner/cms")


def discovered(post_id: str = "cms-1") -> ServiceDiscovered:
    return ServiceDiscovered(
        post_id=post_id, program_id="g-1", merchant_id="shop", version=1, title="Shop", page="p", matched_by="words"
    )


async def card(client: httpx.AsyncClient, post_id: str = "cms-1") -> str:
    shown: str = (await client.get(f"/v1/posts/{post_id}")).json()["card"]["state"]
    return shown


async def early(pool: Pool) -> int:
    async with in_transaction(pool) as tx:
        count: int = await tx.fetchval("SELECT count(*) FROM early_resolution")
        return count


async def test_a_foreign_post_exists_and_is_not_published_again(client: httpx.AsyncClient, pool: Pool) -> None:
    assert beside_timelines(await deliver(pool, handlers, a_foreign())) == []
    shown = (await client.get("/v1/posts/cms-1")).json()
    assert (shown["text"], shown["author_id"], shown["card"]["state"]) == ("公积金新政策", "ann", "resolving")
    assert await events_published(pool) == []


async def test_its_card_resolves_and_continues_its_journey(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, RELEASED, a_foreign())
    await deliver(pool, handlers, discovered())
    assert await card(client) == "active"
    tapped = await client.post("/v1/posts/cms-1/card/taps", json={"viewer_id": "bo"})
    assert (tapped.status_code, tapped.headers["lutong-journey"] != "") == (201, True)
    async with in_transaction(pool) as tx:
        assert (
            await tx.fetchval("SELECT correlation_id FROM outbox WHERE type LIKE '%.card-tapped.%'")
            == "journey-of-the-cms"
        )


@pytest.mark.parametrize("found", [discovered(), ServiceNotFound(post_id="cms-1", reason="no_service")])
async def test_what_the_registry_found_before_the_post_came_is_not_lost(
    found: Event, client: httpx.AsyncClient, pool: Pool
) -> None:
    await deliver(pool, handlers, RELEASED, found)
    assert await early(pool) == 1
    await deliver(pool, handlers, a_foreign())
    assert await card(client) == ("active" if isinstance(found, ServiceDiscovered) else "unavailable")
    assert await early(pool) == 0


async def until_it_waits_or_ends(pool: Pool, task: "asyncio.Task[object]") -> None:
    async def so() -> bool:
        async with in_transaction(pool) as tx:
            return task.done() or await tx.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")

    await until(so, "it waits, or ends")


async def test_what_is_found_while_a_post_is_taken_in_waits_for_it(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, RELEASED)
    async with in_transaction(pool) as tx:
        await processing.handle(tx, [a_foreign()], handlers)
        other = asyncio.create_task(deliver(pool, handlers, discovered()))
        await until_it_waits_or_ends(pool, other)
    await other
    assert (await card(client), await early(pool)) == ("active", 0)


async def test_a_post_that_comes_while_something_is_found_for_it_waits(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, RELEASED)
    async with in_transaction(pool) as tx:
        await processing.handle(tx, [a_received(discovered())], handlers)
        other = asyncio.create_task(deliver(pool, handlers, a_foreign()))
        await until_it_waits_or_ends(pool, other)
    await other
    assert (await card(client), await early(pool)) == ("active", 0)


async def test_an_unknown_author_is_refused_with_a_reason(client: httpx.AsyncClient, pool: Pool) -> None:
    refused = beside_timelines(await deliver(pool, handlers, a_foreign("good"), a_foreign("bad", author="nobody")))
    assert refused == [PostRefused(post_id="bad", author_id="nobody", reason="unknown_author")]
    assert (await client.get("/v1/posts/bad")).status_code == 404
    assert (await client.get("/v1/posts/good")).status_code == 200


async def test_a_refusal_names_the_event_that_it_answers(pool: Pool) -> None:
    await deliver(pool, handlers, a_foreign("bad", author="nobody"))
    async with in_transaction(pool) as tx:
        row = await tx.fetchrow("SELECT type, key, causation_id, correlation_id FROM outbox WHERE key = 'bad'")
    assert tuple(row or ()) == ("lutong.feed.post-refused.v1", "bad", "of-bad", "journey-of-the-cms")


async def test_the_same_post_changes_nothing_and_another_under_its_id_is_refused(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    again, other = a_foreign()._replace(id="again"), a_foreign(text="something else")._replace(id="other")
    assert beside_timelines(await deliver(pool, handlers, a_foreign(), again, other)) == [
        PostRefused(post_id="cms-1", author_id="ann", reason="post_exists")
    ]
    assert await deliver(pool, handlers, a_foreign(), again) == []
    assert (await client.get("/v1/posts/cms-1")).json()["text"] == "公积金新政策"


async def test_a_post_of_the_feed_itself_is_known_and_not_taken_twice(client: httpx.AsyncClient, pool: Pool) -> None:
    await client.post("/v1/posts", json={"post_id": "own", "author_id": "ann", "text": "路通"})
    own = a_received(PostPublished(post_id="own", author_id="ann", text="路通"))
    assert await deliver(pool, handlers, own) == []
