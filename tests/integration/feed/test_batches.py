"""Posts and events of one batch: one that goes wrong at any place has its own answer, and the others theirs."""

import asyncio
from typing import Any, Final

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, events_published
from tests.integration.feed.test_publishing import POST, an_event, publish

SIZE: Final = 4
WRONG: Final[dict[str, tuple[dict[str, Any], int, str]]] = {
    "refused": ({"author_id": "nobody"}, 404, "not_found"),
    "malformed": ({"text": 7}, 422, "invalid"),
    "raises": ({"text": "BROKEN"}, 500, "bug"),
}


@pytest.mark.parametrize("how", WRONG)
async def test_one_wrong_post_leaves_the_others_alone(client: httpx.AsyncClient, pool: Pool, how: str) -> None:
    changes, status, kind = WRONG[how]
    await pool.execute("ALTER TABLE post ADD CONSTRAINT sound CHECK (text <> 'BROKEN')")
    for place in range(SIZE):
        posts = [{"post_id": f"p-{place}-{each}", "author_id": "ann", "text": "路通"} for each in range(SIZE)]
        names = [post["post_id"] for post in posts]
        posts[place] |= changes
        answers = await asyncio.gather(*(client.post("/v1/posts", json=post) for post in posts))
        wrong, _ = answers.pop(place), names.pop(place)
        assert (wrong.status_code, wrong.json()["type"]) == (status, f"urn:lutong:problem:{kind}")
        assert [(answer.status_code, answer.json()["post_id"]) for answer in answers] == [(201, each) for each in names]
        assert {key for type_, key in await events_published(pool) if type_ == POST} >= set(names)
    assert await pool.fetchval("SELECT count(*) FROM post") == SIZE * (SIZE - 1)


async def test_events_of_several_publishers_have_their_own_results(client: httpx.AsyncClient, pool: Pool) -> None:
    requests = [
        publish(client, an_event("a"), an_event("b", author="nobody"), who=a_member("ann")),
        publish(client, an_event("a", author="bo", data={"post_id": "of-bo", "author_id": "bo", "text": "x"}), who=a_member("bo")),
        publish(client, an_event("c", author="bo"), b"{", who=a_member("ann")),
    ]  # fmt: skip
    results = await asyncio.gather(*requests)
    assert [[result["status"] for result in each] for each in results] == [
        ["accepted", "rejected"], ["accepted"], ["rejected", "rejected"],
    ]  # fmt: skip
    assert {key for _, key in await events_published(pool)} == {"post-of-a", "of-bo"}


async def test_what_was_refused_leaves_its_id_to_a_better_one(client: httpx.AsyncClient, pool: Pool) -> None:
    """The copy behind it in the same batch is looked at anew, and the id may be used again afterwards."""
    worse, better = an_event("a", author="nobody"), an_event("a")
    assert [each["status"] for each in await publish(client, worse, better)] == ["rejected", "accepted"]
    assert [each["status"] for each in await publish(client, better, worse)] == ["duplicate", "rejected"]
