"""What makes the search fast must not make it blind: no service that a post leads to is pruned away."""

import random
from collections.abc import AsyncIterator

import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import http_client
from lutong_registry.app import service
from lutong_registry.search.domain.marks import COVERAGE_MIN
from tests.integration.conftest import PoolOf

ALPHABET = "公积金提取社保卡办理"
MISSED = """
    WITH asked AS MATERIALIZED (
        SELECT search_vector(sentence) AS vector, search_terms(sentence) AS terms FROM unnest($1::text[]) AS sentence
    )
    SELECT count(*) AS matches, count(*) FILTER (WHERE NOT signature && terms) AS missed
      FROM asked, listing
     WHERE vector @@ names
        OR (length(vector) - length(ts_delete(vector, title_words)))::float / greatest(cardinality(title_words), 1) >= $2
"""


def some_text(rng: random.Random, at_least: int, at_most: int) -> str:
    return "".join(rng.choices(ALPHABET, k=rng.randint(at_least, at_most)))


@pytest_asyncio.fixture
async def pool(pool_of: PoolOf) -> AsyncIterator[Pool]:
    """A registry with four hundred services whose names share all their characters."""
    pool = await pool_of(service)
    rng = random.Random(7)
    async with http_client(service, pool) as client:
        await client.put("/v1/merchants/gov", json={"name": "浙里办"})
        for batch in range(2):
            programs = [
                {
                    "program_id": f"g-{batch}-{n}",
                    "merchant_id": "gov",
                    "manifest": {
                        "title": some_text(rng, 1, 9),
                        "page": "pages/a",
                        "keywords": sorted({some_text(rng, 2, 4) for _ in range(2)}),
                    },
                }
                for n in range(200)
            ]
            answer = await client.post("/v1/programs/batch", json={"programs": programs})
            assert answer.status_code == 201, answer.text
    yield pool


async def test_every_service_that_matches_a_post_shares_a_word_of_its_signature(pool: Pool) -> None:
    rng = random.Random(8)
    sentences = [some_text(rng, 2, 14) for _ in range(400)]
    row = await pool.fetchrow(MISSED, sentences, COVERAGE_MIN)
    assert row is not None
    assert row["matches"] > 1_000
    assert row["missed"] == 0

    await pool.execute("UPDATE listing SET signature = search_signature(title, '{}', 0.95)")  # too few words
    control = await pool.fetchrow(MISSED, sentences, COVERAGE_MIN)
    assert control is not None
    assert control["missed"] > 0
