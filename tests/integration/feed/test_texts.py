"""Texts over HTTP and from the topic: long in any script, shown harmless, with the names that are in them."""

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver
from lutong_contracts.feed import PostPublished
from lutong_feed.handlers import handlers
from lutong_feed.texts.domain import parted

FAMILY = "👩‍👩‍👧‍👦"


async def publish(client: httpx.AsyncClient, text: str) -> httpx.Response:
    return await client.post("/v1/posts", json={"author_id": "ann", "text": text, "post_id": "p-1"})


async def test_a_post_is_as_long_in_one_script_as_in_another(client: httpx.AsyncClient, pool: Pool) -> None:
    text = FAMILY * 2000
    assert (await publish(client, text)).status_code == 201
    assert (await client.get("/v1/posts/p-1")).json()["text"] == text
    payload = await pool.fetchval("SELECT payload FROM outbox WHERE type = 'lutong.feed.post-published.v1'")
    event = PostPublished.model_validate_json(payload)
    assert (event.whole, len(event.text)) == (text, 1995)  # a whole number of families


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("字" * 2001, "too_long"),
        ("e" + "\u0301" * 9000, "piled_up"),
        (" " * 2001 + "a", "unseen_beginning"),
        ("a" * 16_001, "invalid"),
        ("a\x1bb", "invalid"),
        ("a\x00b", "invalid"),
    ],
)
async def test_what_is_no_text_of_a_post_is_refused(text: str, kind: str, client: httpx.AsyncClient) -> None:
    answer = await publish(client, text)
    assert (answer.status_code, answer.json()["type"]) == (422, f"urn:lutong:problem:{kind}")


async def test_a_post_of_another_publisher_is_as_long(client: httpx.AsyncClient, pool: Pool) -> None:
    for post_id, times in (("fits", 2000), ("long", 2001)):
        parts = parted(FAMILY * times)
        await deliver(pool, handlers, PostPublished(post_id=post_id, author_id="ann", text=parts.text, rest=parts.rest))
    assert (await client.get("/v1/posts/fits")).json()["text"] == FAMILY * 2000
    assert (await client.get("/v1/posts/long")).status_code == 404
    refused = await pool.fetchval("SELECT payload::json ->> 'reason' FROM outbox WHERE type LIKE '%post-refused%'")
    assert refused == "too_long"


async def test_what_turns_other_texts_is_not_served(client: httpx.AsyncClient) -> None:
    await publish(client, "a\u202eb\u2067c @bo\u2029#茶#")
    found = (await client.get("/v1/posts/p-1")).json()
    assert found["text"] == "ab\u2067c @bo\u2069\n#茶#"
    assert [(each["word"], found["text"][each["start"] : each["end"]]) for each in found["spans"]] == [
        ("bo", "@bo"),
        ("茶", "#茶#"),
    ]


async def test_a_mention_names_an_id_or_the_only_name(client: httpx.AsyncClient) -> None:
    names = {"w-1": "屈臣氏", "w-2": "星巴克", "w-3": "星巴克", "w-4": "bo"}
    accounts = [{"account_id": account_id, "name": name} for account_id, name in names.items()]
    assert (await client.post("/v1/accounts/batch", json={"accounts": accounts})).status_code == 201
    answers = [await client.get(f"/v1/mentions/{word}") for word in ("屈臣氏", "bo", "星巴克", "nobody")]
    assert [answer.status_code for answer in answers] == [200, 200, 409, 404]
    assert [answer.json()["account_id"] for answer in answers[:2]] == ["w-1", "bo"]
