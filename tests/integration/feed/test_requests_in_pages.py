"""A viewer's requests in pages: each once, those of one moment as well; the last page states that it is the last."""

from datetime import UTC, datetime

import httpx
import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, an_operator, bearer, deliver, in_transaction
from lutong_feed.handlers import handlers
from tests.integration.feed.test_feed import RELEASED

ANN = a_member("ann")
WHERE = "/v1/accounts/ann/requests"
CURSOR = "lutong-next-cursor"


@pytest.fixture(autouse=True)
async def seven(client: httpx.AsyncClient, pool: Pool) -> None:
    """Seven requests of Ann, of which five are of one moment."""
    post = {"author_id": "bo", "text": "x", "post_id": "p-1", "card": "none"}
    (await client.post("/v1/posts", json=post)).raise_for_status()
    async with in_transaction(pool) as tx:
        await tx.execute(
            """
            INSERT INTO service_request (order_id, viewer_id, post_id, program_id, merchant_id, lines, total_minor, currency,
                                         correlation_id, requested_at)
            SELECT 'o-' || n, 'ann', 'p-1', 'g-1', 'shop', '[]', 1, 'CNY', 'j', $1::timestamptz + greatest(0, n - 5) * interval '1 hour'
              FROM generate_series(1, 7) AS n
            """,
            datetime(2026, 1, 1, tzinfo=UTC),
        )


async def page(client: httpx.AsyncClient, who: Principal = ANN, limit: str = "100", cursor: str = "") -> httpx.Response:
    asked = {"limit": limit} | ({"cursor": cursor} if cursor else {})
    return await client.get(WHERE, params=asked, headers=bearer(who))


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 100])
async def test_a_walk_has_each_request_once(limit: int, client: httpx.AsyncClient) -> None:
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = (await page(client, limit=str(limit), cursor=cursor)).raise_for_status()
        seen += [each["order_id"] for each in answer.json()]
        cursor = answer.headers.get(CURSOR)
    assert seen == ["o-7", "o-6", "o-1", "o-2", "o-3", "o-4", "o-5"]


async def test_without_a_page_there_are_a_hundred(client: httpx.AsyncClient) -> None:
    answer = await page(client)
    assert (len(answer.json()), CURSOR in answer.headers) == (7, False)


async def test_each_names_its_program_as_it_is_now(client: httpx.AsyncClient, pool: Pool) -> None:
    assert {each["title"] for each in (await page(client)).json()} == {None}
    await deliver(pool, handlers, RELEASED)
    assert {each["title"] for each in (await page(client)).json()} == {RELEASED.title}


async def test_a_cursor_of_another_reader_is_refused(client: httpx.AsyncClient) -> None:
    cursor = (await page(client, limit="2")).headers[CURSOR]
    refused = await page(client, an_operator(), cursor=cursor)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:lutong:problem:bad_cursor")
