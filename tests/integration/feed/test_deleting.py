"""A post that was deleted is gone at once, wherever it was shown; what was counted, and what was ordered, stays."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import orjson
import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, an_operator, bearer, deliver, in_transaction
from lutong_contracts.feed import PostPublished
from lutong_feed.handlers import handlers
from tests.integration.feed.test_feed import RELEASED, WANTED, a_post, consume_own_events, discovered

ANN, BO = a_member("ann"), a_member("bo")
Delete = Callable[..., Awaitable[httpx.Response]]
WORDS = "nobody else writes this"


@pytest.fixture
def delete(client: httpx.AsyncClient) -> Delete:
    async def deleted(post_id: str, who: Principal = ANN, reason: str = "") -> httpx.Response:
        return await client.delete(f"/v1/posts/{post_id}{reason and '?reason=' + reason}", headers=bearer(who))

    return deleted


async def a_card(client: httpx.AsyncClient, pool: Pool) -> str:
    post_id = await a_post(client, text=WORDS)
    await deliver(pool, handlers, RELEASED, discovered(post_id))
    return post_id


async def a_repost(client: httpx.AsyncClient, parent_id: str, author: str = "bo") -> httpx.Response:
    return await client.post("/v1/posts", json={"author_id": author, "text": "look", "parent_id": parent_id})


async def read(client: httpx.AsyncClient, path: str, who: Principal = BO) -> Any:  # noqa: ANN401  # JSON
    return (await client.get(path, headers=bearer(who))).raise_for_status().json()


async def shown(client: httpx.AsyncClient, who: str = "bo") -> list[list[str]]:
    """The posts on a reader's timeline, and on ann's page."""
    lists = [f"/v1/accounts/{who}/timeline", "/v1/accounts/ann/posts"]
    return [[each["post_id"] for each in (await read(client, path))["posts"]] for path in lists]


async def published(pool: Pool, kind: str = "post-deleted") -> list[dict[str, Any]]:
    rows = await pool.fetch("SELECT payload FROM outbox WHERE type = $1 ORDER BY id", f"lutong.feed.{kind}.v1")
    return [orjson.loads(row["payload"]) for row in rows]


async def test_a_deleted_post_is_shown_nowhere(delete: Delete, client: httpx.AsyncClient, pool: Pool) -> None:
    await client.put("/v1/accounts/bo/follows/ann")
    gone, kept = await a_card(client, pool), await a_post(client)
    assert await shown(client) == [[kept, gone]] * 2
    assert (await delete(gone)).status_code == 204
    assert await shown(client) == [[kept]] * 2
    answer = await client.get(f"/v1/posts/{gone}")
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:lutong:problem:deleted")
    assert WORDS not in answer.text
    assert (await client.get(f"/v1/posts/{kept}")).status_code == 200


async def test_nothing_of_its_text_is_left_in_the_tables(delete: Delete, client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_card(client, pool)
    assert await tables_with(pool, WORDS) == {"post", "outbox"}
    await delete(post_id)
    assert await tables_with(pool, WORDS) == {"outbox"}  # which is the topic's copy, and goes with it after a week


async def tables_with(pool: Pool, text: str) -> set[str]:
    """Tables of the feed that have a text in any column."""
    async with in_transaction(pool) as tx:
        names = [
            row["relname"]
            for row in await tx.fetch(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = current_schema()::regnamespace"
            )
        ]
        return {
            name
            for name in names
            if await tx.fetchval(f'SELECT count(*) FROM "{name}" AS t WHERE t::text LIKE $1', f"%{text}%")
        }


async def test_reposts_show_that_the_original_was_deleted(
    delete: Delete, client: httpx.AsyncClient, pool: Pool
) -> None:
    root = await a_card(client, pool)
    repost = (await a_repost(client, root)).json()["post_id"]
    assert (await read(client, f"/v1/posts/{repost}"))["repost"]["root_text"] == WORDS
    await delete(root)
    found = await read(client, f"/v1/posts/{repost}")
    assert (found["text"], found["repost"]["root_text"], found["repost"]["root_deleted"]) == ("look", "", True)
    assert (found["card"]["state"], found["card"]["reason"]) == ("unavailable", "deleted")
    for parent_id in (root, repost):
        refused = await a_repost(client, parent_id, "cy")
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:lutong:problem:parent_deleted")


async def test_a_repost_goes_and_its_original_stays(delete: Delete, client: httpx.AsyncClient, pool: Pool) -> None:
    root = await a_card(client, pool)
    repost = (await a_repost(client, root)).json()["post_id"]
    below = (await a_repost(client, repost, "cy")).json()["post_id"]
    await delete(repost, BO)
    assert (await client.get(f"/v1/posts/{root}")).json()["card"]["state"] == "active"
    assert (await a_repost(client, repost)).status_code == 422
    assert (await a_repost(client, below)).status_code == 201
    assert (await client.post(f"/v1/posts/{repost}/card/taps", json={"viewer_id": "cy"})).status_code == 410
    assert (await client.post(f"/v1/posts/{below}/card/taps", json={"viewer_id": "cy"})).status_code == 201


@pytest.mark.parametrize(
    ("who", "reason", "status"),
    [(ANN, "", 204), (an_operator(), "spam", 204), (an_operator(), "", 422), (BO, "", 404), (BO, "spam", 404)],
)
async def test_its_author_deletes_it_or_an_operator_for_a_reason(
    who: Principal, reason: str, status: int, delete: Delete, client: httpx.AsyncClient, pool: Pool
) -> None:
    post_id = await a_post(client)
    assert (await delete(post_id, who, reason)).status_code == status
    by = "operator" if reason else "author"
    expected = [{"post_id": post_id, "author_id": "ann", "by": by, "reason": reason or None}] if status == 204 else []
    assert await published(pool) == expected


async def test_a_post_is_deleted_once(delete: Delete, client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client)
    assert [(await delete(post_id)).status_code for _ in range(2)] == [204, 204]
    assert (await delete(post_id, an_operator(), "spam")).status_code == 204
    assert [event["by"] for event in await published(pool)] == ["author"]
    assert (await delete("nothing")).status_code == 404


async def test_what_a_card_leads_to_comes_too_late(delete: Delete, client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client)
    await delete(post_id)
    await deliver(pool, handlers, RELEASED, discovered(post_id))
    repost = PostPublished(post_id="late", author_id="bo", text="look", parent_id=post_id)
    again = PostPublished(post_id=post_id, author_id="ann", text="路通")
    await deliver(pool, handlers, repost, again)
    async with in_transaction(pool) as tx:
        row = await tx.fetchrow("SELECT state, reason, card.program_id, text FROM card JOIN post USING (post_id)")
    assert tuple(row or ()) == ("unavailable", "deleted", None, "")
    refused = {event["post_id"]: event["reason"] for event in await published(pool, "post-refused")}
    assert refused == {"late": "parent_deleted", post_id: "deleted"}


async def test_counts_and_orders_stay_and_no_more_come(delete: Delete, client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_card(client, pool)
    touch = (await read(client, f"/v1/posts/{post_id}"))["touch"]
    seen = {"viewer_id": "bo", "interactions": [{"touch": touch, "kind": "impression"}]}
    assert (await client.post("/v1/interactions", json=seen)).status_code == 202
    order = (await client.post(f"/v1/posts/{post_id}/card/requests", json=WANTED)).raise_for_status().json()
    await delete(post_id)
    opened = {"viewer_id": "bo", "interactions": [{"touch": touch, "kind": "open"}]}
    refused = await client.post("/v1/interactions", json=opened)
    assert (refused.status_code, refused.json()["type"]) == (410, "urn:lutong:problem:deleted")
    assert (await client.post(f"/v1/posts/{post_id}/card/requests", json=WANTED)).status_code == 410
    await consume_own_events(pool)  # what was accepted before it was deleted, and is consumed after
    counted = await read(client, f"/v1/posts/{post_id}/interactions", ANN)
    assert [(each["kind"], each["times"]) for each in counted] == [("impression", 1)]
    assert (await read(client, f"/v1/posts/{post_id}/funnel", ANN))["own"]["requests"] == 1
    assert (await read(client, f"/v1/requests/{order['order_id']}"))["status"] == "requested"


async def test_of_a_report_what_is_about_the_deleted_is_left_out(
    delete: Delete, client: httpx.AsyncClient, pool: Pool
) -> None:
    gone, kept = await a_card(client, pool), await a_card(client, pool)
    touches = [(await read(client, f"/v1/posts/{post_id}"))["touch"] for post_id in (gone, kept)]
    await delete(gone)
    report = {"viewer_id": "bo", "interactions": [{"touch": touch, "kind": "open"} for touch in touches]}
    answer = (await client.post("/v1/interactions", json=report)).json()
    assert (answer["accepted"], [(each["place"], each["code"]) for each in answer["refused"]]) == (1, [(0, "deleted")])


async def test_a_deletion_touches_two_rows_however_many_read(
    delete: Delete, client: httpx.AsyncClient, pool: Pool
) -> None:
    post_id = await a_card(client, pool)
    async with in_transaction(pool) as tx:
        await tx.execute("INSERT INTO account SELECT 'f' || n, 'f', 'personal' FROM generate_series(1, 2000) AS n")
        await tx.execute("INSERT INTO follow SELECT 'f' || n, 'ann' FROM generate_series(1, 2000) AS n")
    before = await written(pool)
    await delete(post_id)
    after = await written(pool)
    assert {name: after[name] - before[name] for name in ("post", "card", "follow", "repost", "counter")} == {
        "post": 1, "card": 1, "follow": 0, "repost": 0, "counter": 0,
    }  # fmt: skip


async def written(pool: Pool) -> dict[str, int]:
    """Rows that were written of each table of the feed so far."""
    async with in_transaction(pool) as tx:
        await tx.execute("SELECT pg_stat_force_next_flush()")
    async with in_transaction(pool) as tx:
        rows = await tx.fetch("SELECT relname, n_tup_ins + n_tup_upd + n_tup_del AS n FROM pg_stat_user_tables")
    return {row["relname"]: row["n"] for row in rows}
