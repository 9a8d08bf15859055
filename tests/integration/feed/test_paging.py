"""Pages of a list: a walk has everything that was there when it began, once, and is its own reader's."""

from typing import Any

import httpx
import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.testing import a_member, an_operator, bearer

ANN, BO = a_member("ann"), a_member("bo")
TIMELINE = "/v1/accounts/ann/timeline"


async def post(client: httpx.AsyncClient, author_id: str, text: str) -> None:
    (await client.post("/v1/posts", json={"author_id": author_id, "text": text})).raise_for_status()


async def page(client: httpx.AsyncClient, path: str, who: Principal, cursor: str | None = None) -> httpx.Response:
    asked = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
    return await client.get(path, params=asked, headers=bearer(who))


async def read(client: httpx.AsyncClient, path: str, who: Principal, cursor: str | None = None) -> dict[str, Any]:
    answer = (await page(client, path, who, cursor)).raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
async def a_cursor(client: httpx.AsyncClient) -> str:
    """Ann's, on her timeline of three posts."""
    for number in range(3):
        await post(client, "ann", f"post {number}")
    word: str = (await read(client, TIMELINE, ANN))["next_cursor"]
    return word


async def test_a_walk_goes_on_while_others_publish(client: httpx.AsyncClient) -> None:
    await client.put("/v1/accounts/ann/follows/bo")
    for number in range(7):
        await post(client, "ann" if number % 2 else "bo", f"old {number}")
    seen, cursor = [], None
    while True:
        found = await read(client, TIMELINE, ANN, cursor)
        seen += [each["text"] for each in found["posts"]]
        await post(client, "bo", f"new {len(seen)}")
        if (cursor := found["next_cursor"]) is None:
            break
    assert seen == [f"old {number}" for number in range(6, -1, -1)]


async def test_the_last_page_states_that_it_is_the_last(client: httpx.AsyncClient, a_cursor: str) -> None:
    last = await read(client, TIMELINE, ANN, a_cursor)
    assert "next_cursor" in last
    assert last["next_cursor"] is None


@pytest.mark.parametrize(
    ("who", "path"),
    [(BO, "/v1/accounts/bo/timeline"), (BO, "/v1/accounts/ann/posts"), (ANN, "/v1/accounts/ann/posts"), (an_operator(), TIMELINE)],
    ids=["another's", "another reader", "another list", "staff"],
)  # fmt: skip
async def test_a_cursor_leads_nobody_else_on(
    who: Principal, path: str, client: httpx.AsyncClient, a_cursor: str
) -> None:
    refused = await page(client, path, who, a_cursor)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:lutong:problem:bad_cursor")
    assert refused.json()["detail"].endswith("start again without one")
    assert (await page(client, TIMELINE, ANN, a_cursor)).status_code == 200  # the control


async def test_a_cursor_that_was_cut_is_refused(client: httpx.AsyncClient, a_cursor: str) -> None:
    for word in (a_cursor[:-1], a_cursor + "A", a_cursor[1:], a_cursor.swapcase()):
        assert (await page(client, TIMELINE, ANN, word)).status_code == 422


async def test_all_tokens_of_a_member_are_one_reader(client: httpx.AsyncClient, a_cursor: str) -> None:
    other = Principal("phone-of-ann", "member", member_id="ann")
    assert [each["text"] for each in (await read(client, TIMELINE, other, a_cursor))["posts"]] == ["post 0"]


async def test_an_account_page_is_walked_by_its_reader(client: httpx.AsyncClient, a_cursor: str) -> None:
    assert a_cursor
    first = await read(client, "/v1/accounts/ann/posts", BO)
    last = await read(client, "/v1/accounts/ann/posts", BO, first["next_cursor"])
    assert [each["text"] for found in (first, last) for each in found["posts"]] == ["post 2", "post 1", "post 0"]
    assert last["next_cursor"] is None
