"""The registry on a real PostgreSQL: programs live by their rules, and posts find their service."""

import csv
import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, deliver, events_published, http_client
from lutong_contracts.feed import CardTapped, ServiceSolved
from lutong_registry.app import service
from lutong_registry.handlers import handlers
from tests.support.builders import a_post, fulfilled

DATA = Path(__file__).parents[4] / "shared" / "data"
FUND = {
    "title": "公积金提取",
    "page": "pages/fund/index?from=feed",
    "keywords": ["公积金", "provident fund"],
    "description": "提取、贷款、缴存",
}


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        for merchant in ("gov", "shop"):
            assert (await client.put(f"/v1/merchants/{merchant}", json={"name": merchant})).status_code == 200
        yield client


async def release(client: httpx.AsyncClient, program_id: str, manifest: dict[str, Any], version: int = 1) -> None:
    await client.put(f"/v1/programs/{program_id}", json={"merchant_id": "gov"})
    submitted = await client.post(
        f"/v1/programs/{program_id}/versions", json={"version": version, "manifest": manifest}
    )
    assert submitted.status_code == 201, submitted.text
    for verb in ("approval", "release"):
        assert (await client.post(f"/v1/programs/{program_id}/versions/{version}/{verb}")).status_code == 200


async def found(pool: Pool, text: str) -> str:
    """Which program a post's words lead to, or why to none."""
    (answer,) = await deliver(pool, handlers, a_post(text=text))
    return str(getattr(answer, "program_id", None) or getattr(answer, "reason", None))


async def test_a_program_lives_and_publishes_it(client: httpx.AsyncClient, pool: Pool) -> None:
    await release(client, "fund", FUND)
    await release(client, "fund", FUND | {"title": "公积金提取 2"}, version=2)
    assert (await client.post("/v1/programs/fund/versions/2/rollback")).json()["released_version"] == 1
    await client.post("/v1/programs/fund/suspension", json={"reason": "security_incident"})
    await client.delete("/v1/programs/fund/suspension")

    assert [event_type.split(".")[2] for event_type, _ in await events_published(pool)] == [
        "program-registered", "version-submitted", "version-approved", "version-released",
        "version-submitted", "version-approved", "version-released", "version-rolled-back",
        "program-suspended", "program-resumed",
    ]  # fmt: skip


async def test_anybody_reads_what_a_released_program_sells(client: httpx.AsyncClient, pool: Pool) -> None:
    price = {"amount_minor": 300, "currency": "CNY"}
    offers = [{"sku": "tea", "title": "Tea", "unit_price": price, "provided": False}]
    await release(client, "fund", FUND | {"offers": offers})
    dearer = [offers[0] | {"unit_price": {"amount_minor": 350, "currency": "CNY"}}]
    submitted = {"version": 2, "manifest": FUND | {"offers": dearer}}
    assert (await client.post("/v1/programs/fund/versions", json=submitted)).status_code == 201
    versions = (await client.get("/v1/programs/fund")).json()["versions"]
    assert [version["offers"] for version in versions] == [offers, dearer]
    async with http_client(service, pool, a_member("reader")) as reader:
        assert (await reader.get("/v1/programs/fund")).json()["offers"] == offers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("住房公积金新政策今天起施行，点开卡片就能办", "fund"),
        ("New PROVIDENT FUND policy announced today", "fund"),
        ("ｐｒｏｖｉｄｅｎｔ　ｆｕｎｄ", "fund"),
        ("provident people fund libraries", "no_match"),
        ("公益基金会积极提取建议", "no_match"),
        ("今天天气不错", "no_match"),
        ("🎉🎉🎉", "no_match"),
        ("身份证丢了怎么补办身份证", "id-card"),
    ],
)
async def test_the_words_of_a_post_find_its_service_and_only_its_service(
    text: str, expected: str, client: httpx.AsyncClient, pool: Pool
) -> None:
    await release(client, "fund", FUND)
    await release(client, "id-card", {"title": "补办身份证", "page": "pages/id"})
    assert await found(pool, text) == expected


async def test_a_models_number_hides_no_name(client: httpx.AsyncClient, pool: Pool) -> None:
    await release(client, "phones", {"title": "苹果授权店", "page": "pages/phones", "keywords": ["iPhone"]})
    assert await found(pool, "iPhone15Pro新配色") == "phones"


async def test_a_batch_of_posts_is_answered_in_order_with_one_answer_each(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await release(client, "fund", FUND)
    await client.put("/v1/programs/empty", json={"merchant_id": "gov"})
    posts = [
        a_post("p-1", "公积金"),
        a_post("p-2", program_id="gone"),
        a_post("p-3"),
        a_post("p-4", program_id="empty"),
        a_post("p-5", program_id="fund"),
    ]
    published = await deliver(pool, handlers, *posts)
    assert [(event.post_id, getattr(event, "matched_by", None) or event.reason) for event in published] == [  # type: ignore[attr-defined]  # one of the two outcomes
        ("p-1", "words"), ("p-2", "unknown_program"), ("p-3", "no_match"), ("p-4", "not_released"), ("p-5", "program"),
    ]  # fmt: skip


async def test_a_suspended_program_is_not_found_until_it_is_resumed(client: httpx.AsyncClient, pool: Pool) -> None:
    await release(client, "fund", FUND)
    await client.post("/v1/programs/fund/suspension", json={"reason": "security_incident"})
    assert await found(pool, "公积金") == "no_match"
    (answer,) = await deliver(pool, handlers, a_post(program_id="fund"))
    assert answer.reason == "suspended"  # type: ignore[attr-defined]  # ServiceNotFound
    assert (await client.get("/v1/search", params={"q": "公积金"})).json() == []
    await client.delete("/v1/programs/fund/suspension")
    assert await found(pool, "公积金") == "fund"


async def test_search_puts_the_phrase_before_scattered_words(client: httpx.AsyncClient) -> None:
    await release(client, "scattered", {"title": "提取码与公积金查询", "page": "pages/a"})
    await release(client, "phrase", FUND)
    hits = (await client.get("/v1/search", params={"q": "公积金提取"})).json()
    assert [(hit["program_id"], hit["matched"]) for hit in hits] == [("phrase", "phrase"), ("scattered", "any")]


async def test_usage_is_counted_once_per_event(client: httpx.AsyncClient, pool: Pool) -> None:
    await release(client, "g-1", FUND)
    tapped = CardTapped(viewer_id="v", post_id="p", program_id="g-1", version=1)
    await deliver(
        pool, handlers, tapped, tapped, ServiceSolved(viewer_id="v", post_id="p", program_id="g-1"), fulfilled()
    )
    assert (await client.get("/v1/programs/g-1")).json()["usage"] == {"opened": 2, "solved": 1, "fulfilled": 1}


@pytest.mark.parametrize(
    ("manifest", "pointer"),
    [
        ({}, "/body/manifest/title"),
        (FUND | {"page": "https://evil.example"}, "/body/manifest/page"),
        (FUND | {"page": "../secrets"}, "/body/manifest/page"),
        (FUND | {"title": "  "}, "/body/manifest/title"),
        (FUND | {"title": "x" * 81}, "/body/manifest/title"),
        (FUND | {"platform_version": {"min": -7}}, "/body/manifest/platform_version/min_code"),
        (FUND | {"keywords": ["x"] * 21}, "/body/manifest/keywords"),
        (
            FUND | {"offers": [{"sku": "a", "title": "a", "unit_price": {"amount_minor": -1, "currency": "CNY"}}]},
            "/body/manifest/offers/0/unit_price/amount_minor",
        ),
        (
            FUND | {"offers": [{"sku": "a", "title": "a", "unit_price": {"amount_minor": 1, "currency": "CNY"}}] * 2},
            "/body/manifest",
        ),
    ],
)
async def test_a_wrong_manifest_is_refused_with_a_pointer(
    manifest: dict[str, Any], pointer: str, client: httpx.AsyncClient
) -> None:
    await client.put("/v1/programs/fund", json={"merchant_id": "gov"})
    refused = await client.post("/v1/programs/fund/versions", json={"version": 1, "manifest": manifest})
    assert refused.status_code == 422
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]


async def test_refusals_are_problems(client: httpx.AsyncClient) -> None:
    await release(client, "fund", FUND)
    assert (await client.put("/v1/programs/fund", json={"merchant_id": "shop"})).status_code == 409
    assert (await client.put("/v1/programs/new", json={"merchant_id": "nobody"})).status_code == 404
    assert (await client.post("/v1/programs/none/versions", json={"version": 1, "manifest": FUND})).status_code == 404
    assert (await client.post("/v1/programs/fund/versions/9/approval")).status_code == 404
    assert (await client.post("/v1/programs/fund/versions/1/rollback")).json()[
        "type"
    ] == "urn:lutong:problem:nothing_to_roll_back_to"
    assert (await client.get("/v1/search", params={"q": ""})).status_code == 422
    assert (await client.get("/v1/search", params={"q": "'); DROP TABLE listing; --"})).status_code == 200


@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data (real open data), which the project never contains")
async def test_real_services_are_found_by_their_own_names(client: httpx.AsyncClient, pool: Pool) -> None:
    with (DATA / "service" / "gov_services_apache2.tsv").open(encoding="utf-8") as lines:
        names = sorted({row["name"].strip()[:80] for row in csv.DictReader(lines, delimiter="\t")} - {""})
    items = [
        {"program_id": f"gov-{n}", "merchant_id": "gov", "manifest": {"title": name, "page": "pages/item"}}
        for n, name in enumerate(names)
    ]
    for begin in range(0, len(items), 200):
        assert (
            await client.post("/v1/programs/batch", json={"programs": items[begin : begin + 200]})
        ).status_code == 201
    published = await deliver(
        pool, handlers, *[a_post(f"p-{n}", f"今天起可以网上办理{name}了") for n, name in enumerate(names)]
    )
    right = sum(getattr(event, "program_id", None) == f"gov-{n}" for n, event in enumerate(published))
    with gzip.open(DATA / "weibo" / "hot_titles_2023Q1.tsv.gz", "rt", encoding="utf-8") as lines:
        titles = [line.rstrip("\n").split("\t", 1)[1][:2000] for line in lines][:2000]
    unrelated = await deliver(pool, handlers, *[a_post(f"t-{n}", title) for n, title in enumerate(titles)])
    wrong = sum(hasattr(event, "program_id") for event in unrelated)

    assert right / len(names) > 0.9
    assert wrong / len(titles) < 0.02
