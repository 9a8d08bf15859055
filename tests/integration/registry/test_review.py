"""Reviews, batches and bodies: what merchants may do, and what is refused without harm."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, events_published, http_client
from lutong_registry.app import service
from lutong_registry.handlers import handlers
from tests.support.builders import a_post

FUND: dict[str, Any] = {"title": "公积金提取", "page": "pages/fund/index"}
TEA = {"sku": "tea", "title": "乌龙茶", "unit_price": {"amount_minor": 990, "currency": "CNY"}}


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        await client.put("/v1/merchants/gov", json={"name": "浙里办"})
        await client.put("/v1/programs/fund", json={"merchant_id": "gov"})
        yield client


async def submit(client: httpx.AsyncClient, version: object = 1, **manifest: object) -> httpx.Response:
    return await client.post("/v1/programs/fund/versions", json={"version": version, "manifest": FUND | manifest})


def an_item(program_id: str, title: str = "公积金提取") -> dict[str, Any]:
    return {"program_id": program_id, "merchant_id": "gov", "manifest": FUND | {"title": title}}


async def test_an_approved_version_is_taken_back_for_a_fix(client: httpx.AsyncClient) -> None:
    await submit(client, 1)
    await client.post("/v1/programs/fund/versions/1/approval")
    assert (await submit(client, 2)).json()["type"] == "urn:lutong:problem:in_review"
    back = await client.post("/v1/programs/fund/versions/1/rejection", json={"reason": "superseded_by_fix"})
    assert back.status_code == 200
    assert back.json()["versions"][0] == {
        "version": 1, "state": "rejected", "title": "公积金提取", "rejected_for": "superseded_by_fix", "offers": [],
    }  # fmt: skip
    assert (await submit(client, 2)).status_code == 201


async def test_rolling_back_twice_goes_one_release_further_each_time(client: httpx.AsyncClient, pool: Pool) -> None:
    for version in (1, 2, 3):
        await submit(client, version, title=f"第{version}版")
        for verb in ("approval", "release"):
            await client.post(f"/v1/programs/fund/versions/{version}/{verb}")
    for withdrawn, in_force in ((3, 2), (2, 1)):
        answer = await client.post(f"/v1/programs/fund/versions/{withdrawn}/rollback")
        assert answer.json()["released_version"] == in_force
        (found,) = await deliver(pool, handlers, a_post(f"after-{withdrawn}", program_id="fund"))
        assert found.version == in_force  # type: ignore[attr-defined]  # ServiceDiscovered
    assert (await client.post("/v1/programs/fund/versions/1/rollback")).status_code == 409


async def test_a_batch_names_the_program_that_spoils_it_and_changes_nothing(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await submit(client, 1)
    before = await events_published(pool)
    refused = await client.post("/v1/programs/batch", json={"programs": [an_item("new"), an_item("fund")]})
    assert refused.status_code == 409
    assert refused.json()["program_id"] == "fund"
    assert (await client.get("/v1/programs/new")).status_code == 404
    assert await events_published(pool) == before


async def test_a_batch_that_names_a_program_twice_is_refused(client: httpx.AsyncClient) -> None:
    refused = await client.post("/v1/programs/batch", json={"programs": [an_item("a", "一"), an_item("a", "二")]})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/body/programs"


async def test_a_batch_may_come_again_and_releases_the_next_version(client: httpx.AsyncClient) -> None:
    for version in (1, 2):
        await client.post("/v1/programs/batch", json={"programs": [an_item("a"), an_item("b")]})
        program = (await client.get("/v1/programs/a")).json()
        assert program["released_version"] == version
    assert [known["state"] for known in program["versions"]] == ["superseded", "released"]


@pytest.mark.parametrize("page", ["pages/fund", "pages/Fund/index?from=feed&v=1.2", "pages/a-b/c_d?q=%E8%8C%B6"])
async def test_pages_inside_the_program_are_welcome(page: str, client: httpx.AsyncClient) -> None:
    assert (await submit(client, page=page)).status_code == 201


@pytest.mark.parametrize(
    "page",
    ["", "/a", "a//b", "a/../b", "..", "https://x.example", "//x.example", "javascript:x", "a?x=https://y", "a\n",
     "a b", "a/b#c", "a\\b", "x" * 257],
)  # fmt: skip
async def test_pages_that_lead_elsewhere_are_refused(page: str, client: httpx.AsyncClient) -> None:
    refused = await submit(client, page=page)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/body/manifest/page"]


@pytest.mark.parametrize(
    ("offer", "where"),
    [
        (TEA | {"unit_prise": 1}, "/body/manifest/offers/0/unit_prise"),
        (TEA | {"unit_price": {"amount_minor": "990", "currency": "CNY"}}, "…/unit_price/amount_minor"),
        (TEA | {"unit_price": {"amount_minor": 9.5, "currency": "CNY"}}, "…/unit_price/amount_minor"),
        (TEA | {"unit_price": {"amount_minor": True, "currency": "CNY"}}, "…/unit_price/amount_minor"),
        (TEA | {"unit_price": {"amount_minor": 990, "currency": "yuan"}}, "…/unit_price/currency"),
        (TEA | {"sku": "a b"}, "/body/manifest/offers/0/sku"),
    ],
)
async def test_an_offer_is_taken_as_it_is_meant_or_refused(
    offer: dict[str, Any], where: str, client: httpx.AsyncClient
) -> None:
    refused = await submit(client, offers=[offer])
    assert refused.status_code == 422
    pointers = [error["pointer"] for error in refused.json()["errors"]]
    assert pointers == [where.replace("…", "/body/manifest/offers/0")]


async def test_offers_in_two_currencies_are_refused(client: httpx.AsyncClient) -> None:
    euro = TEA | {"sku": "other", "unit_price": {"amount_minor": 1, "currency": "EUR"}}
    assert (await submit(client, offers=[TEA, euro])).status_code == 422


@pytest.mark.parametrize("version", ["1", 1.0, True, 0, -1, 1_000_001, None])
async def test_a_version_is_a_number_and_nothing_like_one(version: object, client: httpx.AsyncClient) -> None:
    assert (await submit(client, version)).status_code == 422


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[", b"[]", b"\xff\xfe", b'{"name":NaN}', b'{"name":"\\ud800"}', b'{"name":"a\\u0000b"}',
     b'{"name":"a","extra":1}', b"[" * 100_000],
    ids=lambda body: repr(body[:12]),
)  # fmt: skip
async def test_a_bad_body_is_a_problem_and_never_a_failure(body: bytes, client: httpx.AsyncClient) -> None:
    answer = await client.put("/v1/merchants/m", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_over_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.put("/v1/merchants/m", json={"name": "x" * 300_000})).status_code == 413


@pytest.mark.parametrize("path", ["/v1/programs/none", "/v1/discoveries/none", "/v1/programs/none/versions/1/release"])
async def test_what_is_not_there_is_not_found(path: str, client: httpx.AsyncClient) -> None:
    answer = await (client.post(path) if path.endswith("release") else client.get(path))
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "path", ["/v1/programs/a%00b", "/v1/programs/%ff", "/v1/programs?merchant_id=%00", "/v1/search"]
)
async def test_an_id_that_cannot_be_one_is_refused(path: str, client: httpx.AsyncClient) -> None:
    assert (await client.get(path)).status_code == 422


async def test_the_summary_shows_what_the_totals_are_made_of(client: httpx.AsyncClient, pool: Pool) -> None:
    await client.post("/v1/programs/batch", json={"programs": [an_item("a"), an_item("b")]})
    await client.post("/v1/programs/b/suspension", json={"reason": "security_incident"})
    await deliver(pool, handlers, a_post("1", program_id="a"), a_post("2", program_id="b"), a_post("3"))
    assert (await client.get("/v1/summary")).json() == {
        "programs": 3, "visible": 1, "discovered": 1, "not_found": 2,
        "programs_by_state": {"released": 1, "suspended": 1, "not_released": 1},
        "discoveries_by_outcome": {"discovered": 1, "suspended": 1, "no_match": 1},
    }  # fmt: skip
