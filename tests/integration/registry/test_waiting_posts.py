"""A post whose program cannot be opened yet leads to it once it can; and listings are indexed anew after an upgrade."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_received, deliver, http_client, in_transaction, run_jobs
from lutong_contracts.feed import CardTakenOff, PostDeleted, PostRevised
from lutong_contracts.registry import ServiceDiscovered
from lutong_registry.app import service
from lutong_registry.discovery import waiting
from lutong_registry.discovery.waiting import WAIT_DAYS_MAX
from lutong_registry.handlers import handlers
from lutong_registry.jobs import job_queues
from tests.support.builders import a_post

FUND = {"program_id": "fund", "merchant_id": "gov", "manifest": {"title": "公积金提取", "page": "pages/fund"}}


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        await client.put("/v1/merchants/gov", json={"name": "浙里办"})
        yield client


async def release(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/programs/batch", json={"programs": [FUND]})).status_code == 201


async def led(pool: Pool) -> list[str]:
    """Posts that lead to their program now."""
    found = await run_jobs(pool, waiting.queue())
    assert all(isinstance(event, ServiceDiscovered) and event.program_id == "fund" for event in found)
    return [event.key for event in found]


async def discovery(client: httpx.AsyncClient, post_id: str) -> tuple[str | None, str | None]:
    found = (await client.get(f"/v1/discoveries/{post_id}")).json()
    return found["program_id"], found["reason"]


async def test_a_post_leads_to_its_program_once_it_is_released(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, a_post("early", program_id="fund"), a_post("words", "公积金提取"))
    assert await discovery(client, "early") == (None, "unknown_program")
    assert await led(pool) == []
    await release(client)
    assert await led(pool) == ["early"]  # what words asked for is not looked up again: its author saw no card
    assert await discovery(client, "early") == ("fund", None)
    assert await led(pool) == []


async def test_a_post_leads_on_its_own_journey(client: httpx.AsyncClient, pool: Pool) -> None:
    post = a_received(a_post("early", program_id="fund"))
    await deliver(pool, handlers, post)
    await release(client)
    assert await led(pool) == ["early"]
    async with in_transaction(pool) as tx:
        row = await tx.fetchrow(
            "SELECT correlation_id, causation_id FROM outbox WHERE type = 'lutong.registry.service-discovered.v1'"
        )
    assert tuple(row or ()) == (post.cause.correlation_id, post.id)


async def test_a_post_waits_while_its_program_is_suspended(client: httpx.AsyncClient, pool: Pool) -> None:
    await release(client)
    await client.post("/v1/programs/fund/suspension", json={"reason": "security_incident"})
    await deliver(pool, handlers, a_post("early", program_id="fund"))
    assert await led(pool) == []
    await client.delete("/v1/programs/fund/suspension")
    assert await led(pool) == ["early"]


async def test_a_card_that_was_taken_off_waits_no_more(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, a_post("off", program_id="fund"), a_post("kept", program_id="fund"))
    await deliver(pool, handlers, CardTakenOff(post_id="off", by="author", reason="not_related"))
    await release(client)
    assert await led(pool) == ["kept"]
    assert await discovery(client, "off") == (None, "taken_off")


async def test_a_deleted_post_waits_no_more_and_leads_nowhere(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, a_post("gone", program_id="fund"), a_post("kept", program_id="fund"))
    await deliver(pool, handlers, PostDeleted(post_id="gone", author_id="author", by="author"))
    await release(client)
    assert await led(pool) == ["kept"]
    await deliver(
        pool, handlers, a_post("gone", program_id="fund"), a_post("other", program_id="fund")
    )  # sent once more
    await deliver(pool, handlers, CardTakenOff(post_id="gone", by="author", reason="not_related"))
    assert await discovery(client, "gone") == (None, "deleted")
    assert await discovery(client, "other") == ("fund", None)  # the control


async def test_the_words_of_a_revised_post_are_judged_anew(client: httpx.AsyncClient, pool: Pool) -> None:
    await release(client)
    wants_none = a_post("none", "公积金提取").model_copy(update={"card": "none"})
    await deliver(
        pool, handlers, a_post("words", "公积金提取"), a_post("plain"), wants_none, a_post("off", "公积金提取")
    )
    await deliver(pool, handlers, CardTakenOff(post_id="off", by="author", reason="not_related"))
    texts = {"words": "今天天气不错", "plain": "公积金提取", "none": "公积金提取 怎么办", "off": "公积金提取 怎么办"}
    revised = [PostRevised(post_id=p, author_id="author", revision=2, text=text) for p, text in texts.items()]
    await deliver(pool, handlers, *revised)
    found = {post_id: await discovery(client, post_id) for post_id in texts}
    assert found == {
        "words": (None, "no_match"), "plain": ("fund", None), "none": (None, "declined"), "off": (None, "taken_off"),
    }  # fmt: skip


async def test_posts_wait_in_bounds_of_time_and_number(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(
        pool, handlers, *[a_post(f"p-{n}", program_id="fund") for n in range(201)], a_post("old", program_id="fund")
    )
    async with in_transaction(pool) as tx:
        await tx.execute(
            "UPDATE waiting_post SET since = now() - make_interval(days => $1) WHERE post_id = 'old'", WAIT_DAYS_MAX + 1
        )
    await release(client)
    assert [len(await led(pool)) for _ in range(3)] == [200, 1, 0]
    await deliver(pool, handlers, a_post("new", program_id="gone"))
    async with in_transaction(pool) as tx:
        assert [row["post_id"] for row in await tx.fetch("SELECT post_id FROM waiting_post")] == ["new"]


async def test_listings_of_an_earlier_version_are_indexed_by_themselves(client: httpx.AsyncClient, pool: Pool) -> None:
    programs = [
        {"program_id": f"p-{n}", "merchant_id": "gov", "manifest": {"title": f"公积金提取{n}", "page": "pages/a"}}
        for n in range(150)
    ]
    assert (await client.post("/v1/programs/batch", json={"programs": programs})).status_code == 201
    before = await marks(pool)
    async with in_transaction(pool) as tx:  # as the release before left it
        await tx.execute("UPDATE listing SET marks = '{}', name = 0, title_key = '', indexed_as = 0")
        await tx.execute("TRUNCATE mark")
    assert (await client.get("/v1/search", params={"q": "公积金提取7"})).json() == []
    queue = next(each for each in job_queues() if each.name == "index_listings")
    for _ in range(3):  # a hundred at once, and one look in vain
        await run_jobs(pool, queue)
    assert await marks(pool) == before
    hits = (await client.get("/v1/search", params={"q": "公积金提取7"})).json()
    assert hits[0]["program_id"] == "p-7"


async def marks(pool: Pool) -> dict[int, int]:
    """How many listings have each mark, by its number."""
    async with in_transaction(pool) as tx:
        rows = await tx.fetch("SELECT mark, listings FROM mark WHERE listings > 0")
    return {row["mark"]: row["listings"] for row in rows}
