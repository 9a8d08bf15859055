"""The feed on a real PostgreSQL: cards, timelines and requests."""

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_received, deliver, events_published
from lutong_contracts import event_class
from lutong_contracts.inventory import OrderCancelled, OrderSourced
from lutong_contracts.membership import CreditDeclined
from lutong_contracts.registry import (
    ProgramResumed,
    ProgramSuspended,
    ServiceDiscovered,
    ServiceNotFound,
    VersionReleased,
)
from lutong_contracts.topics import ENGAGEMENTS, INTERACTIONS, POSTS
from lutong_contracts.values import Line, Money, Offer
from lutong_feed.handlers import handlers
from tests.support.builders import fulfilled

OFFER = Offer(sku="tea", title="Tea", unit_price=Money(amount_minor=300, currency="CNY"))
RELEASED = VersionReleased(
    program_id="g-1", merchant_id="shop", version=1, title="Shop", page="pages/shop", offers=(OFFER,)
)
SUSPENDED = ProgramSuspended(program_id="g-1", reason="security_incident")
WANTED = {
    "viewer_id": "bo",
    "lines": [{"sku": "tea", "units": 2}],
    "destination": {"latitude": 31.23456, "longitude": 121.47891},
}


async def a_post(client: httpx.AsyncClient, author: str = "ann", text: str = "路通") -> str:
    post_id: str = (await client.post("/v1/posts", json={"author_id": author, "text": text})).json()["post_id"]
    return post_id


def discovered(post_id: str) -> ServiceDiscovered:
    return ServiceDiscovered(
        post_id=post_id,
        program_id="g-1",
        merchant_id="shop",
        version=1,
        title="Shop",
        page="pages/shop",
        matched_by="words",
    )


async def consume_own_events(pool: Pool) -> None:
    """Deliver to the feed what it said of viewers, as its topics would: each event once."""
    async with pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT event_id::text AS id, type, payload FROM outbox WHERE topic = ANY ($1) ORDER BY id",
            [ENGAGEMENTS.name, INTERACTIONS.name],
        )
    status_now = [
        a_received(event_class(row["type"]).model_validate_json(row["payload"]), id=row["id"]) for row in rows
    ]
    await deliver(pool, handlers, *(each for each in status_now if type(each.event) in handlers.by_type))


async def card(client: httpx.AsyncClient, post_id: str) -> tuple[str, str | None]:
    shown = (await client.get(f"/v1/posts/{post_id}")).json()["card"]
    return shown["state"], shown["reason"]


async def status(client: httpx.AsyncClient, order_id: str) -> str:
    status_now: str = (await client.get(f"/v1/requests/{order_id}")).json()["status"]
    return status_now


async def test_a_card_is_resolved_tapped_and_solved_on_its_posts_journey(client: httpx.AsyncClient, pool: Pool) -> None:
    published = await client.post("/v1/posts", json={"author_id": "ann", "text": "路通"})
    post_id = published.json()["post_id"]
    assert await card(client, post_id) == ("resolving", None)
    assert (await client.post(f"/v1/posts/{post_id}/card/taps", json={"viewer_id": "bo"})).json()[
        "type"
    ] == "urn:lutong:problem:card_resolving"

    await deliver(pool, handlers, RELEASED, discovered(post_id))
    tapped = await client.post(f"/v1/posts/{post_id}/card/taps", json={"viewer_id": "bo"})
    solved = await client.post(f"/v1/posts/{post_id}/card/solutions", json={"viewer_id": "bo"})

    assert (tapped.status_code, tapped.json()["page"], solved.status_code) == (201, "pages/shop", 201)
    await consume_own_events(pool)
    assert (await client.get(f"/v1/posts/{post_id}")).json()["counters"] == {
        "taps": 1,
        "solved": 1,
        "requested": 0,
        "fulfilled": 0,
        "quoted": 0,
    }
    async with pool.acquire() as connection:
        journeys = await connection.fetch(
            "SELECT DISTINCT correlation_id FROM outbox WHERE topic = ANY ($1)", [POSTS.name, ENGAGEMENTS.name]
        )
    assert [row["correlation_id"] for row in journeys] == [published.headers["lutong-journey"]]


async def test_a_post_without_a_service_has_a_reason(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, ServiceNotFound(post_id=post_id, reason="no_match"))
    assert await card(client, post_id) == ("unavailable", "no_match")
    refused = await client.post(f"/v1/posts/{post_id}/card/taps", json={"viewer_id": "bo"})
    assert (refused.status_code, refused.json()["reason"]) == (409, "no_match")


async def test_a_suspended_program_disables_its_cards_whichever_word_comes_first(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    before, after = await a_post(client), await a_post(client)
    await deliver(pool, handlers, RELEASED, discovered(before))
    await deliver(pool, handlers, SUSPENDED)
    await deliver(pool, handlers, discovered(after))
    assert [await card(client, post) for post in (before, after)] == [("unavailable", "suspended")] * 2
    await deliver(pool, handlers, ProgramResumed(program_id="g-1"))
    assert [await card(client, post) for post in (before, after)] == [("active", None)] * 2


async def test_a_request_takes_the_programs_prices_and_only_a_rough_place(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, RELEASED, discovered(post_id))
    answer = await client.post(f"/v1/posts/{post_id}/card/requests", json=WANTED)
    assert (answer.status_code, answer.json()["total_minor"], answer.json()["status"]) == (202, 600, "requested")
    async with pool.acquire() as connection:
        payload = await connection.fetchval("SELECT payload FROM outbox WHERE type LIKE '%service-requested%'")
    assert '"latitude":31.23,"longitude":121.48' in payload

    unknown = await client.post(
        f"/v1/posts/{post_id}/card/requests", json=WANTED | {"lines": [{"sku": "gold", "units": 1}]}
    )
    assert (unknown.status_code, "'gold'" in unknown.json()["detail"]) == (422, True)


@pytest.mark.parametrize(("expected_minor", "status_code"), [(600, 202), (599, 409), (None, 202)])
async def test_an_order_costs_what_its_viewer_was_shown(
    expected_minor: int | None, status_code: int, client: httpx.AsyncClient, pool: Pool
) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, RELEASED, discovered(post_id))
    wanted = WANTED | {"expected_total_minor": expected_minor}
    answer = await client.post(f"/v1/posts/{post_id}/card/requests", json=wanted)
    assert answer.status_code == status_code
    if status_code == 409:
        assert "600 CNY (minor units) and not 599" in answer.json()["detail"]


async def test_what_ended_stays_ended_whichever_topic_is_faster(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, RELEASED, discovered(post_id))
    orders = [
        (await client.post(f"/v1/posts/{post_id}/card/requests", json=WANTED)).json()["order_id"] for _ in range(3)
    ]
    late = [
        OrderSourced(order_id=order, merchant_id="shop", location_id="near", location_kind="store", distance_m=1, mode="delivery",
                     lines=(Line(sku="tea", units=2, unit_price_minor=300),), accept_by="2026-11-23T09:30:00Z")
        for order in orders
    ]  # fmt: skip
    await deliver(pool, handlers, fulfilled(orders[0]))
    await deliver(
        pool, handlers, CreditDeclined(order_id=orders[1], member_id="bo", merchant_id="shop", reason="over_limit")
    )
    await deliver(
        pool,
        handlers,
        OrderCancelled(order_id=orders[2], member_id="bo", merchant_id="shop", reason="cancelled_by_member"),
    )
    await deliver(pool, handlers, *late)
    assert [await status(client, order) for order in orders] == ["fulfilled", "declined", "cancelled"]
    assert (await client.get(f"/v1/posts/{post_id}")).json()["counters"]["fulfilled"] == 1
    ended = await client.post(f"/v1/requests/{orders[0]}/cancellation", json={"viewer_id": "bo"})
    assert ended.status_code == 409


async def test_only_its_viewer_cancels_a_request(client: httpx.AsyncClient, pool: Pool) -> None:
    post_id = await a_post(client)
    await deliver(pool, handlers, RELEASED, discovered(post_id))
    order = (await client.post(f"/v1/posts/{post_id}/card/requests", json=WANTED)).json()["order_id"]
    assert (await client.post(f"/v1/requests/{order}/cancellation", json={"viewer_id": "cy"})).status_code == 404
    assert (await client.post(f"/v1/requests/{order}/cancellation", json={"viewer_id": "bo"})).status_code == 202
    assert (await events_published(pool))[-1] == ("lutong.feed.request-cancelled.v1", "bo")


async def test_a_walk_down_the_timeline_neither_skips_nor_repeats(client: httpx.AsyncClient) -> None:
    await client.put("/v1/accounts/bo/follows/ann")
    posts = [{"author_id": author, "text": f"{n}"} for n in range(25) for author in ("ann", "bo", "cy")]
    assert (await client.post("/v1/posts/batch", json={"posts": posts})).status_code == 201

    seen: list[tuple[str, str]] = []
    cursor: str | None = None
    while True:
        page = (
            await client.get("/v1/accounts/bo/timeline", params={"limit": 7} | ({"cursor": cursor} if cursor else {}))
        ).json()
        seen += [(post["author_id"], post["text"]) for post in page["posts"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [(author, f"{n}") for n in reversed(range(25)) for author in ("bo", "ann")]
    await client.delete("/v1/accounts/bo/follows/ann")
    assert {post["author_id"] for post in (await client.get("/v1/accounts/bo/timeline")).json()["posts"]} == {"bo"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status_code"),
    [
        ("POST", "/v1/posts", b"not json", 400),
        ("POST", "/v1/posts", b'{"author_id": "ann", "text": "\xff"}', 400),
        ("POST", "/v1/posts", b'{"author_id": "ann", "text": "a\\u0000b"}', 422),
        ("POST", "/v1/posts", b'{"author_id": "ann", "text": "\\ud800"}', 422),
        ("POST", "/v1/posts", b'{"author_id": "ann", "text": ""}', 422),
        ("POST", "/v1/posts", b'{"author_id": "ann", "text": "' + b"x" * 2001 + b'"}', 422),
        ("POST", "/v1/posts", b'{"author_id": "ann", "text": "' + b"x" * 300_000 + b'"}', 413),
        ("POST", "/v1/posts", b'{"author_id": "nobody", "text": "x"}', 404),
        ("POST", "/v1/posts", b"[" * 100_000, 400),
        ("POST", "/v1/posts/nothing/card/taps", b'{"viewer_id": "bo"}', 404),
        ("PUT", "/v1/accounts/ann/follows/ann", b"", 422),
        ("PUT", "/v1/accounts/ann/follows/nobody", b"", 404),
        ("GET", "/v1/accounts/ann/timeline?cursor=nonsense", b"", 422),
        ("GET", "/v1/accounts/ann/timeline?limit=0", b"", 422),
        ("GET", "/v1/accounts/nobody/timeline", b"", 404),
        ("GET", "/v1/posts/%00", b"", 422),
        ("DELETE", "/v1/posts", b"", 405),
    ],
)
async def test_bad_input_is_a_problem_that_names_the_field(
    method: str, path: str, body: bytes, status_code: int, client: httpx.AsyncClient
) -> None:
    answer = await client.request(method, path, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status_code, "application/problem+json")


async def test_the_same_post_id_twice_is_a_conflict(client: httpx.AsyncClient) -> None:
    post = {"author_id": "ann", "text": "once", "post_id": "mine"}
    assert (await client.post("/v1/posts", json=post)).status_code == 201
    assert (await client.post("/v1/posts", json=post)).status_code == 409
