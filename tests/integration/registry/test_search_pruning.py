"""What makes the search fast must not make it blind: no service that a post may name is left out."""

import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import http_client, in_transaction
from lutong_registry.app import service
from lutong_registry.discovery import store
from lutong_registry.discovery.domain.names import names, read
from lutong_registry.discovery.domain.posts import is_to_settle
from lutong_registry.search.domain import titles
from lutong_registry.search.domain.text import plain
from lutong_registry.search.domain.titles import COVERAGE_MIN, COVERED_MIN, coverage, words_of
from tests.integration.conftest import PoolOf
from tests.integration.registry.test_registry import release

ALPHABET = "公积金提取社保卡办理"


def some_text(rng: random.Random, at_least: int, at_most: int) -> str:
    return "".join(rng.choices(ALPHABET, k=rng.randint(at_least, at_most)))


@dataclass(frozen=True)
class Served:
    """A registry with four hundred services whose names share all their characters: each with its manifest."""

    client: httpx.AsyncClient
    pool: Pool
    manifests: Mapping[str, dict[str, Any]]


@pytest_asyncio.fixture
async def served(pool_of: PoolOf) -> AsyncIterator[Served]:
    pool = await pool_of(service)
    rng = random.Random(7)
    manifests = {
        f"g-{n}": {
            "title": some_text(rng, 1, 9),
            "page": "pages/a",
            "keywords": sorted({some_text(rng, 2, 4) for _ in range(2)}),
        }
        for n in range(400)
    }
    async with http_client(service, pool) as client:
        await client.put("/v1/merchants/gov", json={"name": "浙里办"})
        offered = [
            {"program_id": key, "merchant_id": "gov", "manifest": manifest} for key, manifest in manifests.items()
        ]
        for batch in (offered[:200], offered[200:]):
            answer = await client.post("/v1/programs/batch", json={"programs": batch})
            assert answer.status_code == 201, answer.text
        yield Served(client, pool, manifests)


async def missed(served: Served, sentences: list[str]) -> tuple[int, int]:
    """How many services the sentences name or have most of, and how many of these are no match."""
    async with in_transaction(served.pool) as tx:
        found = await store.matches(tx, {text: [read(plain(text))] for text in sentences})
    met = {(text, match.listing.program_id) for text, matches in found.items() for match in matches}
    meant = {
        (text, key) for text in sentences for key, manifest in served.manifests.items() if is_meant(text, manifest)
    }
    return len(meant), len(meant - met)


def is_meant(text: str, manifest: dict[str, Any]) -> bool:
    sentence = read(plain(text))
    if any(names(sentence, name) for name in (manifest["title"], *manifest["keywords"]) if len(name) > 1):
        return True
    covers = coverage(manifest["title"], words_of(text)) >= COVERAGE_MIN
    return covers and len(manifest["title"]) >= COVERED_MIN and is_to_settle(sentence.text)


async def test_every_service_that_a_post_may_name_is_looked_at(served: Served) -> None:
    rng = random.Random(8)
    sentences = [some_text(rng, 2, 14) + rng.choice(["", "怎么领取"]) for _ in range(400)]
    meant, left_out = await missed(served, sentences)
    assert meant > 1_000
    assert left_out == 0

    await served.pool.execute("UPDATE listing_title SET rarest = rarest[1:1]")  # too few words
    assert (await missed(served, sentences))[1] > 0


async def test_a_title_that_changed_is_met_by_its_new_words(served: Served) -> None:
    post = "宠物疫苗的接种如何预约"
    assert await led(served, post) == set()
    await release(served.client, "g-7", {"title": "宠物疫苗接种预约", "page": "pages/a"}, version=2)
    assert await led(served, post) == {"g-7"}
    counted = await served.pool.fetchval("SELECT listings FROM word WHERE word = '疫苗'")
    assert counted == 1


@pytest.mark.parametrize(("limit", "post"), [("COMPARED_MAX", "敬老证"), ("NEAR_MAX", "老年证明的换发如何领取")])
async def test_hidden_services_take_no_place_of_others(
    limit: str, post: str, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [
        {
            "program_id": key,
            "merchant_id": "gov",
            "manifest": {"title": title, "page": "pages/a", "keywords": ["敬老证"]},
        }
        for key, title in (("h-1", "老年证明的换发"), ("h-2", "老年证明换发"))
    ]
    await served.client.post("/v1/programs/batch", json={"programs": both})
    monkeypatch.setattr(store, limit, 1)
    assert await led(served, post) == {"h-1"}
    await served.client.post("/v1/programs/h-1/suspension", json={"reason": "complaints"})
    assert await led(served, post) == {"h-2"}
    await served.client.delete("/v1/programs/h-1/suspension")
    assert await led(served, post) == {"h-1"}


async def test_a_title_is_hidden_by_its_trigger(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of those above: without it, what is hidden takes the place of another service."""
    for key, title in (("h-1", "老年证明的换发"), ("h-2", "老年证明换发")):
        await release(served.client, key, {"title": title, "page": "pages/a"})
    await served.pool.execute("ALTER TABLE listing DISABLE TRIGGER listing_title_visible")
    await served.client.post("/v1/programs/h-1/suspension", json={"reason": "complaints"})
    monkeypatch.setattr(store, "NEAR_MAX", 1)
    assert await led(served, "老年证明的换发如何领取") == set()


async def led(served: Served, text: str) -> set[str]:
    async with in_transaction(served.pool) as tx:
        found = await store.matches(tx, {text: [read(text)]})
    return {match.listing.program_id for match in found.get(text, ())}


async def test_bits_of_a_title_fit_what_has_its_words() -> None:
    outline = titles.outline_of("社保卡补换领", {})
    assert outline is not None
    for text, lacks in (("社保卡补换领", 0), ("社保卡", 3)):
        lacking = int(titles.lacking(words_of(text)), 2)
        assert (int(outline.bits, 2) & lacking).bit_count() == lacks
