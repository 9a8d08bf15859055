"""Requests as the world sends them: odd cursors, odd names, line ends, and every file of JSONTestSuite."""

import base64
from pathlib import Path
from typing import Final

import httpx
import orjson
import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.testing import a_member, bearer

SUITE: Final = Path(__file__).parents[4] / "shared" / "data" / "conformance" / "JSONTestSuite" / "test_parsing"
KINDS: Final = (
    "application/json", "application/cloudevents+json", "application/cloudevents-batch+json", "application/x-ndjson",
)  # fmt: skip


@pytest.mark.skipif(not SUITE.exists(), reason="needs ../shared/data (JSONTestSuite), which the project never contains")
@pytest.mark.parametrize(("path", "kind"), [*(("/v1/events", kind) for kind in KINDS), ("/v1/posts", KINDS[0])])
async def test_no_file_of_jsontestsuite_is_a_bug_of_ours(path: str, kind: str, client: httpx.AsyncClient) -> None:
    files = sorted(SUITE.glob("*.json"))
    assert len(files) == 318
    for file in files:
        answer = await client.post(path, content=file.read_bytes(), headers={"content-type": kind})
        assert answer.status_code < 500, (file.name, answer.text)


ODD_CURSORS: Final = (
    "9999-12-31T23:59:59-23:59|1", "0001-01-01T00:00:00+23:59|1", "2026-01-31|1", "2026-W01-1|1", "2026-01-31T08:00:00|1",
    "2026-01-31T08:00:00Z|0", "2026-01-31T08:00:00Z|9223372036854775808", "2026-01-31T08:00:00Z|²", "|", "",
)  # fmt: skip


@pytest.mark.parametrize("cursor", ODD_CURSORS)
async def test_an_odd_cursor_is_refused(cursor: str, client: httpx.AsyncClient) -> None:
    word = base64.urlsafe_b64encode(cursor.encode()).decode() or "!"
    answer = await client.get("/v1/accounts/ann/timeline", params={"cursor": word})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:lutong:problem:bad_cursor")


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-31"])
async def test_an_odd_moment_to_publish_again_from_is_refused(since: str, client: httpx.AsyncClient) -> None:
    answer = await client.post("/operations/republication", json={"reason": "the disk", "since": since})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/body/since"


async def test_the_last_page_of_a_timeline_has_no_next_one(client: httpx.AsyncClient) -> None:
    for number in range(4):
        await client.post("/v1/posts", json={"author_id": "ann", "text": f"post {number}"})
    url, seen = "/v1/accounts/ann/timeline?limit=2", []
    first = (await client.get(url)).json()
    last = (await client.get(url, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    seen = [post["text"] for page in (first, last) for post in page["posts"]]
    assert seen == [f"post {number}" for number in (3, 2, 1, 0)]
    assert last["next_cursor"] is None
    assert (await client.get("/v1/accounts/ann/timeline?limit=4")).json()["next_cursor"] is None


@pytest.mark.parametrize("name", ["\u200b", "\u3164", "\u2800", "\u202enimda", "two\nlines", "wat\u200bsons"])
async def test_an_unseen_or_misleading_name_is_refused(name: str, client: httpx.AsyncClient) -> None:
    answer = await client.put("/v1/accounts/ann", content=orjson.dumps({"name": name}), headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/body/name"


JSON: Final = {"content-type": "application/json"}


@pytest.mark.parametrize("text", ["\u200b", "\u3164\u2800", "   "])
async def test_a_post_that_nobody_sees_is_refused(text: str, client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/posts", json={"author_id": "ann", "text": text})
    assert answer.status_code == 422


async def test_a_post_from_a_form_is_taken(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/posts", json={"author_id": "ann", "text": "第一行\r\n第二行"})
    post = (await client.get(f"/v1/posts/{answer.json()['post_id']}")).json()
    assert post["text"] == "第一行\n第二行"


async def set_enterprise(client: httpx.AsyncClient, account_id: str) -> int:
    """The status when a member says that its account is an enterprise: 200 where it is one, 403 where it is not."""
    body = {"name": "N", "kind": "enterprise"}
    return (await client.put(f"/v1/accounts/{account_id}", json=body, headers=bearer(a_member(account_id)))).status_code


async def test_a_member_makes_itself_no_enterprise(client: httpx.AsyncClient) -> None:
    assert await set_enterprise(client, "ann") == 403
    assert await set_enterprise(client, "newcomer") == 403
    as_merchant = Principal("ann", "merchant", "acme", "ann")
    body = {"name": "屈臣氏官方", "kind": "enterprise"}
    assert (await client.put("/v1/accounts/ann", json=body, headers=bearer(as_merchant))).status_code == 403
    assert (await client.put("/v1/accounts/ann", json=body)).status_code == 200
    assert await set_enterprise(client, "ann") == 200


async def test_a_rename_keeps_the_kind_of_an_account(client: httpx.AsyncClient) -> None:
    await client.put("/v1/accounts/ann", json={"name": "A", "kind": "enterprise"})
    for headers in (bearer(a_member("ann")), {}):
        assert (await client.put("/v1/accounts/ann", json={"name": "B"}, headers=headers)).status_code == 200
        assert await set_enterprise(client, "ann") == 200
    demoted = await client.put(
        "/v1/accounts/ann", json={"name": "B", "kind": "personal"}, headers=bearer(a_member("ann"))
    )
    assert demoted.status_code == 403


async def test_a_refusal_names_the_journey_that_the_caller_named(client: httpx.AsyncClient) -> None:
    mine = {"lutong-journey": "mine"}
    for body in ({"author_id": "nobody", "text": "t"}, {"author_id": "ann"}):
        answer = await client.post("/v1/posts", json=body, headers=mine)
        assert (answer.status_code, answer.headers["lutong-journey"]) in {(404, "mine"), (422, "mine")}
    assert "lutong-journey" in (await client.post("/v1/posts", json={})).headers


async def test_an_answer_that_is_given_again_names_its_journey_again(client: httpx.AsyncClient) -> None:
    key, body = {"idempotency-key": "k"}, {"author_id": "ann", "text": "t"}
    first = await client.post("/v1/posts", json=body, headers=key)
    again = await client.post("/v1/posts", json=body, headers=key)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["lutong-journey"] == first.headers["lutong-journey"]


async def test_openapi_gives_the_most_bytes_of_a_body(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    bodies = [
        operation["requestBody"] for path in paths.values() for operation in path.values() if "requestBody" in operation
    ]
    assert len(bodies) > 10
    assert all(body["x-bytes-max"] == 256_000 and "256,000 bytes" in body["description"] for body in bodies)
