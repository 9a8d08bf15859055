"""Whose journey it is, and what is shown of one that is long."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from lutong_chassis import journeys
from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, a_merchant, a_viewer, an_operator, bearer, in_transaction
from tests.integration.feed.test_publishing import an_event, publish

ANN, BO = bearer(a_member("ann")), bearer(a_member("bo"))


@pytest_asyncio.fixture
async def journey_of_ann(client: httpx.AsyncClient) -> AsyncIterator[str]:
    """The journey of a post of ann's."""
    answer = await client.post("/v1/posts", json={"author_id": "ann", "text": "tea"}, headers=ANN)
    yield answer.headers["lutong-journey"]


async def steps_of(client: httpx.AsyncClient, journey: str) -> int:
    return int((await client.get(f"/operations/journeys/{journey}")).headers["lutong-total"])


async def test_a_command_joins_no_journey_of_others(client: httpx.AsyncClient, journey_of_ann: str) -> None:
    post = {"author_id": "bo", "text": "noise"}
    answer = await client.post("/v1/posts", json=post, headers=BO | {"lutong-journey": journey_of_ann})
    assert (answer.status_code, await steps_of(client, journey_of_ann)) == (201, 1)
    assert answer.json()["journey"] == answer.headers["lutong-journey"] != journey_of_ann
    assert await steps_of(client, answer.headers["lutong-journey"]) == 1


@pytest.mark.parametrize("way", ["correlationid", "id"])
async def test_an_event_joins_no_journey_of_others(way: str, client: httpx.AsyncClient, journey_of_ann: str) -> None:
    event = an_event("noise", author="bo") | {way: journey_of_ann}
    [result] = await publish(client, event, who=a_member("bo"))
    assert (result["status"], await steps_of(client, journey_of_ann)) == ("accepted", 1)
    assert await steps_of(client, result["journey"]) == 2


async def test_whom_a_journey_concerns_and_staff_continue_it(client: httpx.AsyncClient, journey_of_ann: str) -> None:
    for who, author in ((ANN, "ann"), (bearer(an_operator()), "bo")):
        post = {"author_id": author, "text": "more"}
        answer = await client.post("/v1/posts", json=post, headers=who | {"lutong-journey": journey_of_ann})
        assert answer.headers["lutong-journey"] == journey_of_ann
    assert await steps_of(client, journey_of_ann) == 4  # and that staff did it


async def test_a_journey_of_the_callers_own_system_is_kept(client: httpx.AsyncClient) -> None:
    for number in range(2):
        [result] = await publish(
            client, an_event(f"e-{number}", author="bo", correlationid="of-the-cms"), who=a_member("bo")
        )
        assert result["journey"] == "of-the-cms"


@pytest.mark.parametrize(
    ("who", "may"),
    [(a_member("ann"), True), (a_member("bo"), False), (a_merchant("ann"), False), (a_viewer(), True)],
)
async def test_who_may_continue_a_journey(who: Principal, may: bool, pool: Pool, journey_of_ann: str) -> None:
    async with in_transaction(pool) as tx:
        assert await journeys.may_continue(tx, who, journey_of_ann) is may


async def test_a_long_journey_gives_its_length(client: httpx.AsyncClient) -> None:
    for begin in range(0, 1_250, 250):
        events = [an_event(f"e-{n}", correlationid="long") for n in range(begin, begin + 250)]
        await publish(client, *events)
    answer = await client.get("/operations/journeys/long")
    assert (len(answer.json()), answer.headers["lutong-total"]) == (2_000, "2500")
    found = await client.get("/operations/journeys/long", params={"key": "post-of-e-1249"})
    assert [step["direction"] for step in found.json()] == ["consumed", "published"]
