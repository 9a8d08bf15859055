"""Drafts: their author's alone, published by hand or at a time, once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, an_operator, bearer, deliver, in_transaction
from lutong_contracts.moments import written
from lutong_contracts.timelines import DraftDue
from lutong_feed.handlers import handlers

ANN, BO = a_member("ann"), a_member("bo")
DRAFTS = "/v1/accounts/ann/drafts"


async def write(client: httpx.AsyncClient, draft_id: str = "d-1", who: Principal = ANN, **draft: Any) -> httpx.Response:
    body = {"text": "路通", "card": "none"} | draft
    return await client.put(f"{DRAFTS}/{draft_id}", json=body, headers=bearer(who))


async def drafts(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(DRAFTS, headers=bearer(ANN))).raise_for_status().json()
    return found


async def texts(client: httpx.AsyncClient) -> list[str]:
    page = (await client.get("/v1/accounts/ann/posts")).raise_for_status().json()
    return [post["text"] for post in page["posts"]]


def later(hours: float = 1) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


async def test_a_draft_is_written_anew_and_published_once(client: httpx.AsyncClient) -> None:
    (await write(client)).raise_for_status()
    (await write(client, text="路通了")).raise_for_status()
    assert [draft["text"] for draft in await drafts(client)] == ["路通了"]
    assert await texts(client) == []
    answer = await client.post(f"{DRAFTS}/d-1/publication", headers=bearer(ANN))
    assert (answer.status_code, answer.json()["post_id"]) == (201, "d-1")
    assert await texts(client) == ["路通了"]
    assert await drafts(client) == []
    assert (await client.post(f"{DRAFTS}/d-1/publication", headers=bearer(ANN))).status_code == 404


@pytest.mark.parametrize("who", [BO, an_operator()], ids=["another member", "staff"])
async def test_nobody_else_reads_or_writes_drafts(who: Principal, client: httpx.AsyncClient) -> None:
    (await write(client)).raise_for_status()
    assert (await client.get(DRAFTS, headers=bearer(who))).status_code in {403, 404}
    assert (await write(client, who=who)).status_code in {403, 404}
    assert (await client.get("/v1/posts/d-1", headers=bearer(who))).status_code == 404


async def test_a_scheduled_draft_is_published_at_its_time(client: httpx.AsyncClient, pool: Pool) -> None:
    at = later()
    (await write(client, publish_at=written(at))).raise_for_status()
    async with in_transaction(pool) as tx:
        assert await tx.fetchval("SELECT due_at FROM deadline WHERE type LIKE '%draft-due%'") == at
    due = DraftDue(author_id="ann", draft_id="d-1", publish_at=at)
    await deliver(pool, handlers, due)
    assert await texts(client) == ["路通"]
    assert await drafts(client) == []
    await deliver(pool, handlers, due)  # late, and again
    assert await texts(client) == ["路通"]


@pytest.mark.parametrize("instead", ["dropped", "later", "by hand"])
async def test_what_was_decided_since_counts(instead: str, client: httpx.AsyncClient, pool: Pool) -> None:
    at = later()
    (await write(client, publish_at=written(at))).raise_for_status()
    if instead == "dropped":
        (await client.delete(f"{DRAFTS}/d-1", headers=bearer(ANN))).raise_for_status()
    else:
        new: dict[str, Any] = {"publish_at": written(later(2))} if instead == "later" else {}
        (await write(client, **new)).raise_for_status()
    await deliver(pool, handlers, DraftDue(author_id="ann", draft_id="d-1", publish_at=at))
    assert await texts(client) == []


async def test_what_cannot_be_published_waits_with_the_reason(client: httpx.AsyncClient, pool: Pool) -> None:
    at = later()
    (await write(client, publish_at=written(at), parent_id="never-there")).raise_for_status()
    await deliver(pool, handlers, DraftDue(author_id="ann", draft_id="d-1", publish_at=at))
    (draft,) = await drafts(client)
    assert (draft["publish_at"], draft["refused_for"]) == (None, "no_parent")
    (await write(client)).raise_for_status()
    assert (await drafts(client))[0]["refused_for"] is None


@pytest.mark.parametrize(
    ("draft", "status", "kind"),
    [
        ({"publish_at": "2020-01-01T00:00:00Z"}, 422, "not_ahead"),
        ({"publish_at": "2999-01-01T00:00:00Z"}, 422, "too_far_ahead"),
        ({"text": "字" * 2_001}, 422, "too_long"),
        ({"publish_at": "tomorrow"}, 422, "invalid"),
        ({"text": " \u200b"}, 422, "invalid"),
    ],
)
async def test_a_draft_that_cannot_be_kept_is_refused(
    draft: dict[str, Any], status: int, kind: str, client: httpx.AsyncClient
) -> None:
    refused = await write(client, **draft)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (status, kind)
    assert await drafts(client) == []


async def test_an_id_of_a_post_is_no_draft(client: httpx.AsyncClient) -> None:
    post = {"author_id": "ann", "text": "路通", "post_id": "d-1"}
    (await client.post("/v1/posts", json=post)).raise_for_status()
    assert (await write(client)).status_code == 409


async def test_two_authors_may_call_drafts_alike(client: httpx.AsyncClient) -> None:
    (await write(client)).raise_for_status()
    theirs = {"text": "bo", "card": "none"}
    (await client.put("/v1/accounts/bo/drafts/d-1", json=theirs, headers=bearer(BO))).raise_for_status()
    for who in (ANN, BO):
        await client.post(f"/v1/accounts/{who.member_id}/drafts/d-1/publication", headers=bearer(who))
    assert await texts(client) == ["路通"]  # the first has the id
    (kept,) = (await client.get("/v1/accounts/bo/drafts", headers=bearer(BO))).json()
    assert kept["text"] == "bo"


async def test_an_author_has_a_hundred_drafts(client: httpx.AsyncClient, pool: Pool) -> None:
    async with in_transaction(pool) as tx:
        await tx.execute(
            "INSERT INTO draft (author_id, draft_id, text, card) SELECT 'ann', 'x-' || n, 'x', 'none' FROM generate_series(1, 100) AS n"
        )
    refused = await write(client)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:lutong:problem:too_many_drafts")
    assert (await write(client, "x-1")).status_code == 200


@pytest.mark.parametrize("who", [ANN, an_operator()], ids=["the author", "staff"])
async def test_all_drafts_are_erased_and_nothing_is_published(
    who: Principal, client: httpx.AsyncClient, pool: Pool
) -> None:
    at = later()
    (await write(client, "d-1", text="机密")).raise_for_status()
    (await write(client, "d-2", text="机密", publish_at=written(at))).raise_for_status()
    assert (await client.delete(DRAFTS, headers=bearer(BO))).status_code == 404
    for _ in range(2):
        assert (await client.delete(DRAFTS, headers=bearer(who))).status_code == 204
    assert await drafts(client) == []
    await deliver(pool, handlers, DraftDue(author_id="ann", draft_id="d-2", publish_at=at))
    assert await texts(client) == []
    async with in_transaction(pool) as tx:
        for table in ("draft", "outbox", "deadline", "idempotency", "audit"):
            assert "机密" not in str([tuple(row) for row in await tx.fetch(f"SELECT * FROM {table}")]), table
