"""Light stores: a template and rows make programs, which anybody finds; bad rows are reported and the others taken."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_merchant, deliver, events_published, http_client, in_transaction
from lutong_contracts.inventory import LocationChanged, LocationClosed, LocationPaused
from lutong_contracts.registry import ProgramResumed, ProgramSuspended, ServiceDiscovered
from lutong_contracts.values import Place
from lutong_registry.app import service
from lutong_registry.handlers import handlers
from lutong_registry.light_stores.domain.rendering import canonical, digest_of, program_of
from tests.integration.registry.chain import (
    FIRST,
    STORES,
    TEMPLATE,
    a_brand,
    a_location,
    a_row,
    back_open,
    put,
    store,
    submit,
)
from tests.support.builders import a_post

RELEASED = "lutong.registry.version-released.v1"


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        await a_brand(client, pool, 30)
        yield client


async def test_a_row_makes_a_program_that_anybody_finds(client: httpx.AsyncClient, pool: Pool) -> None:
    assert (await put(client, [a_row(1, name="南京西路店"), a_row(2, name="静安寺店")]))["generated"] == 2
    shop = await store(client, 1)
    program = (await client.get(f"/v1/programs/{shop['program_id']}")).json()
    assert program["released_version"] == 1
    assert [offer["sku"] for offer in program["offers"]] == ["mask"]  # those of the brand's program
    found = (await client.get("/v1/search", params={"q": "屈臣氏南京西路店"})).json()
    assert found[0]["program_id"] == shop["program_id"]
    (led,) = await deliver(pool, handlers, a_post("p-1", "今天去了屈臣氏 静安寺店"))
    assert isinstance(led, ServiceDiscovered)
    assert led.title == "屈臣氏 静安寺店"


async def test_offers_are_by_reference_and_never_copied(client: httpx.AsyncClient, pool: Pool) -> None:
    await put(client, [a_row(number) for number in range(30)])
    async with in_transaction(pool) as tx:
        rows = await tx.fetch("SELECT payload FROM outbox WHERE type = $1 ORDER BY id", RELEASED)
        copies = await tx.fetchval("SELECT count(*) FROM version WHERE manifest::text LIKE '%mask%'")
    assert len(rows) == 1 + 30
    assert sum("mask" in row["payload"] for row in rows) == 1
    assert copies == 1


async def test_the_same_rows_again_change_nothing(client: httpx.AsyncClient, pool: Pool) -> None:
    rows = [a_row(number) for number in range(5)]
    await put(client, rows)
    before = await events_published(pool)
    assert await put(client, rows) == {"generated": 0, "changed": 0, "unchanged": 5, "refused": []}
    assert await events_published(pool) == before
    assert (await put(client, [*rows[:4], a_row(4, hours="10:00-20:00")]))["changed"] == 1
    assert (await store(client, 4))["manifest"]["description"] == "营业时间 10:00-20:00"


async def test_bad_rows_are_reported_and_the_others_taken(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, a_location("sh-00003", LocationClosed, 2))
    rows = [
        a_row(1), a_row(99), a_row(2, name="很" * 77), a_row(3), a_row(4, hours=None), a_row(5, overrides={"page": "/x"}),
        a_row(6),
    ]  # fmt: skip
    taken = await put(client, rows)
    assert taken["generated"] == 2
    assert [(each["row"], each["column"]) for each in taken["refused"]] == [
        (1, "store_id"), (2, "name"), (3, "store_id"), (4, "hours"), (5, "overrides"),
    ]  # fmt: skip
    assert "open it in inventory first" in taken["refused"][0]["reason"]
    assert (await client.get(f"{STORES}/sh-00004")).status_code == 404


async def test_every_store_is_made_again_from_what_it_shows(client: httpx.AsyncClient, pool: Pool) -> None:
    await put(client, [a_row(1, overrides={"keywords": ["机场店"]})])
    await client.put(f"{STORES}/sh-00001/edits", json={"edits": {"description": "地铁 2 号口"}})
    shop = await store(client, 1)
    async with in_transaction(pool) as tx:
        kept = await tx.fetchval(
            "SELECT manifest FROM version WHERE program_id = $1 AND number = $2",
            shop["program_id"],
            shop["program_version"],
        )
    assert canonical(orjson.loads(kept)) == canonical(shop["manifest"])
    assert digest_of(shop["manifest"]) == shop["digest"]
    assert (shop["manifest"]["keywords"], shop["manifest"]["description"]) == (["机场店"], "地铁 2 号口")
    assert [each["field"] for each in shop["differences"]] == ["description"]


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        ({"title": "屈臣氏 {stroe_name}"}, "/body/template/title", "did you mean {store_name}?"),
        ({"title": "屈臣氏 {"}, "/body/template/title", "belongs to no placeholder"),
        ({"page": "/shop?s={store_id}"}, "/body/template/page", "without a leading slash"),
        ({"keywords": ["屈臣氏", "{shop}"]}, "/body/template/keywords/1", "is no field of a store"),
        ({"keywords": ["服务"]}, "/body/template/keywords", "is not specific to a service"),
        ({"offers_of": "nothing"}, "/body/template/offers_of", "release it first"),
        ({"offers": []}, "/body/template/offers", "is not a field"),
        ({"title": "屈" * 81}, "/body/template/title", "80"),
    ],
)
async def test_a_template_that_is_wrong_is_refused_with_its_remedy(
    changes: dict[str, Any], pointer: str, words: str, client: httpx.AsyncClient
) -> None:
    refused = await submit(client, 2, FIRST | changes)
    assert refused.status_code == 422, refused.text
    (error,) = refused.json()["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]


async def test_a_template_is_reviewed_once_and_never_changes(client: httpx.AsyncClient) -> None:
    again = await submit(client, 1)
    assert (again.status_code, again.json()["type"]) == (409, "urn:lutong:problem:version_not_newer")
    assert (await submit(client, 2)).status_code == 201
    assert (await submit(client, 3)).status_code == 409  # one in review at a time
    rejected = await client.post(f"/v1/templates/{TEMPLATE}/versions/2/rejection", json={"reason": "unclear"})
    assert rejected.json()["versions"][0]["rejected_for"] == "unclear"
    assert (await client.post(f"/v1/templates/{TEMPLATE}/versions/2/approval")).status_code == 409


async def test_nothing_is_made_from_a_template_before_its_review(client: httpx.AsyncClient) -> None:
    body = {"merchant_id": "watsons", "version": 1, "template": FIRST}
    await client.post("/v1/templates/other/versions", json=body)
    taken = await put(client, [a_row(1, template_id="other")])
    (refused,) = taken["refused"]
    assert (refused["row"], refused["column"]) == (0, "template_id")
    assert refused["reason"] == "no version of the template is approved: have one reviewed first"


async def test_a_store_goes_off_and_on_with_its_location(client: httpx.AsyncClient, pool: Pool) -> None:
    await put(client, [a_row(1), a_row(2)])
    program_id = (await store(client, 1))["program_id"]
    assert await deliver(pool, handlers, a_location("sh-00001", LocationPaused, 2)) == [
        ProgramSuspended(program_id=program_id, reason="location_paused")
    ]
    assert await deliver(pool, handlers, back_open("sh-00001", 3)) == [ProgramResumed(program_id=program_id)]
    assert await deliver(pool, handlers, a_location("sh-00001", LocationClosed, 4)) == [
        ProgramSuspended(program_id=program_id, reason="location_closed")
    ]
    assert await deliver(pool, handlers, back_open("sh-00001", 3)) == []  # an old word
    titles = [hit["title"] for hit in (await client.get("/v1/search", params={"q": "屈臣氏 1号店"})).json()]
    assert "屈臣氏 1号店" not in titles


async def test_what_an_operator_suspended_no_location_brings_back(client: httpx.AsyncClient, pool: Pool) -> None:
    await put(client, [a_row(1)])
    program_id = (await store(client, 1))["program_id"]
    await client.post(f"/v1/programs/{program_id}/suspension", json={"reason": "security_incident"})
    assert await deliver(pool, handlers, a_location("sh-00001", LocationPaused, 2), back_open("sh-00001", 3)) == []


async def test_a_store_of_a_paused_location_begins_off(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, a_location("sh-00001", LocationPaused, 2))
    assert (await put(client, [a_row(1)]))["generated"] == 1
    program_id = (await store(client, 1))["program_id"]
    assert (await client.get(f"/v1/programs/{program_id}")).json()["suspended_for"] == "location_paused"


async def test_edits_are_released_and_undone(client: httpx.AsyncClient) -> None:
    await put(client, [a_row(1)])
    edited = await client.put(f"{STORES}/sh-00001/edits", json={"edits": {"title": "我的店"}})
    assert edited.json()["manifest"]["title"] == "我的店"
    assert (edited.json()["program_version"], edited.json()["drifted"]) == (2, False)
    refused = await client.put(f"{STORES}/sh-00001/edits", json={"edits": {"page": "/leads/elsewhere"}})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/body/edits")
    undone = await client.put(f"{STORES}/sh-00001/edits", json={"edits": {}})
    assert undone.json()["manifest"]["title"] == "屈臣氏 1号店"


async def test_a_detached_store_stays_as_it_is(client: httpx.AsyncClient, pool: Pool) -> None:
    await put(client, [a_row(1)])
    before = await store(client, 1)
    assert (await client.post(f"{STORES}/sh-00001/detachment")).json()["attached"] is False
    taken = await put(client, [a_row(1, name="新店名")])
    assert taken["refused"][0]["column"] == "store_id"
    assert (await client.put(f"{STORES}/sh-00001/edits", json={"edits": {"title": "x"}})).status_code == 409
    assert await deliver(pool, handlers, a_location("sh-00001", LocationClosed, 2)) == []
    assert (await store(client, 1))["manifest"] == before["manifest"]


async def test_another_merchant_finds_nothing_and_changes_nothing(client: httpx.AsyncClient, pool: Pool) -> None:
    await put(client, [a_row(1)])
    async with http_client(service, pool, a_merchant("rival")) as rival:
        batch = await rival.post("/v1/light-stores/batch", json={"stores": [a_row(2)]})
        unknown = await rival.post("/v1/light-stores/batch", json={"stores": [a_row(2, template_id="none")]})
        assert (batch.status_code, unknown.status_code) == (404, 404)
        assert (await rival.get(f"{STORES}/sh-00001")).status_code == 404


async def test_a_program_with_the_id_of_a_store_is_left_alone(client: httpx.AsyncClient) -> None:
    taken = {
        "program_id": program_of(TEMPLATE, "sh-00001"),
        "merchant_id": "watsons",
        "manifest": {"title": "先来", "page": "p"},
    }
    await client.post("/v1/programs/batch", json={"programs": [taken]})
    assert (await put(client, [a_row(1)]))["refused"][0]["column"] == "store_id"


async def test_the_nearest_shops_of_a_brand_come_first(client: httpx.AsyncClient, pool: Pool) -> None:
    for number in range(4):
        place = Place(latitude=31.0 + number / 10, longitude=121.0)
        await deliver(pool, handlers, a_location(f"sh-{number:05}", LocationChanged, 2, place))
    await put(client, [a_row(number) for number in range(4)])
    await deliver(pool, handlers, a_location("sh-00002", LocationClosed, 3))
    here = {"latitude": 31.21, "longitude": 121.0, "limit": 2}
    found = (await client.get("/v1/merchants/watsons/light-stores", params=here)).json()
    assert [each["store_id"] for each in found] == ["sh-00003", "sh-00001"]  # the nearest one is closed
    assert [round(each["distance_m"], -2) for each in found] == [10_000, 12_200]
    assert (
        await client.get("/v1/merchants/watsons/light-stores", params={"latitude": 91, "longitude": 0})
    ).status_code == 422
