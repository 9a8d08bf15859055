"""Membership on a real PostgreSQL: credit is never doubled, never exceeded, never lost."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_received, deliver, http_client
from lutong_contracts import Event
from lutong_membership.app import service
from lutong_membership.handlers import handlers
from tests import builders
from tests.builders import BAD_PROFILE, GOOD_PROFILE, a_request, cancelled, fulfilled
from tests.integration.conftest import PoolOf


@pytest_asyncio.fixture
async def pool(pool_of: PoolOf) -> Pool:
    return await pool_of(service)


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a membership with one plan, a good member m-1 and a bad member m-2."""
    async with http_client(service, pool) as client:
        terms = {"merchant_id": "shop", "title": "轻会员", "line_limit_minor": 100_000}
        assert (await client.put("/v1/plans/light", json=terms)).status_code == 200
        for member, profile in (("m-1", GOOD_PROFILE), ("m-2", BAD_PROFILE)):
            assert (await client.put(f"/v1/members/{member}/profile", json=profile)).status_code == 204
        yield client


async def summary(client: httpx.AsyncClient) -> dict[str, object]:
    said = (await client.get("/v1/summary")).json()
    assert (said["unbalanced_entries"], said["lines_off_ledger"]) == (0, 0)
    return {name: said[name] for name in ("holds", "held_minor", "owed_minor", "captured_minor")}


def names(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


async def test_an_order_is_held_and_captured_and_repaid(client: httpx.AsyncClient, pool: Pool) -> None:
    assert names(await deliver(pool, handlers, a_request())) == ["AgreementSigned", "CreditHeld"]
    assert names(await deliver(pool, handlers, fulfilled())) == ["HoldCaptured"]
    repaid = await client.post("/v1/members/m-1/repayments", json={"amount_minor": 4_000})

    assert repaid.json() == {
        "currency": "CNY",
        "limit_minor": 100_000,
        "held_minor": 0,
        "owed_minor": 6_000,
        "available_minor": 94_000,
    }
    assert (await client.post("/v1/members/m-1/repayments", json={"amount_minor": 6_001})).status_code == 409
    assert await summary(client) == {
        "holds": {"captured": 1},
        "held_minor": 0,
        "owed_minor": 6_000,
        "captured_minor": 10_000,
    }
    kinds = [entry["kind"] for entry in (await client.get("/v1/members/m-1/ledger")).json()]
    assert kinds == ["line_opened", "hold", "capture", "repayment"]


async def test_the_same_event_twice_holds_once(client: httpx.AsyncClient, pool: Pool) -> None:
    request = a_received(a_request())
    assert len(await deliver(pool, handlers, request, request)) == 2
    assert await deliver(pool, handlers, request) == []
    assert await deliver(pool, handlers, a_request()) == []  # another event for the same order
    assert (await summary(client))["held_minor"] == 10_000


async def test_compensation_for_an_order_that_was_never_held_leaves_a_tombstone(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    assert await deliver(pool, handlers, cancelled()) == []
    said = await deliver(pool, handlers, a_request())
    assert names(said) == ["CreditDeclined"]
    assert said[0].reason == "order_cancelled"  # type: ignore[attr-defined]  # a CreditDeclined
    assert await summary(client) == {"holds": {"cancelled": 1}, "held_minor": 0, "owed_minor": 0, "captured_minor": 0}


@pytest.mark.parametrize("first", ["fulfilled", "cancelled"])
async def test_the_first_ending_of_a_hold_wins_and_the_second_says_nothing(
    first: str, client: httpx.AsyncClient, pool: Pool
) -> None:
    second = {"fulfilled": "cancelled", "cancelled": "fulfilled"}[first]
    await deliver(pool, handlers, a_request())
    assert len(await deliver(pool, handlers, getattr(builders, first)())) == 1
    assert await deliver(pool, handlers, getattr(builders, second)()) == []
    await summary(client)


async def test_capture_and_release_at_once_end_a_hold_once(client: httpx.AsyncClient, pool: Pool) -> None:
    orders = [f"o-{n}" for n in range(30)]
    await deliver(pool, handlers, *[a_request(order, 1_000) for order in orders])
    endings = [deliver(pool, handlers, make(order)) for order in orders for make in (fulfilled, cancelled)]
    said = [name for events in await asyncio.gather(*endings) for name in names(events)]

    assert len(said) == 30
    assert set(said) <= {"HoldCaptured", "HoldReleased"}
    assert (await summary(client))["held_minor"] == 0


async def test_concurrent_holds_never_exceed_the_limit(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, a_request("first", 1))
    said = await asyncio.gather(*(deliver(pool, handlers, a_request(f"o-{n}", 10_000)) for n in range(30)))
    held = [name for events in said for name in names(events)]

    assert held.count("CreditHeld") == 9
    assert held.count("CreditDeclined") == 21
    assert (await summary(client))["held_minor"] == 90_001


async def test_negative_control_check_then_insert_exceeds_the_limit(pool: Pool) -> None:
    """What the conditional update is for: without it, this very load breaks the limit."""
    async with pool.acquire() as connection:
        await connection.execute("CREATE TABLE naive (amount integer)")
    together = asyncio.Barrier(8)

    async def hold() -> None:
        async with pool.acquire() as connection, connection.transaction():
            used = await connection.fetchval("SELECT coalesce(sum(amount), 0) FROM naive")
            await together.wait()
            if used + 10 <= 20:
                await connection.execute("INSERT INTO naive VALUES (10)")

    await asyncio.gather(*(hold() for _ in range(8)))
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT sum(amount) FROM naive") > 20


@pytest.mark.parametrize(
    "statement",
    ["UPDATE posting SET amount_minor = 1", "DELETE FROM entry", "TRUNCATE posting", "UPDATE entry SET kind = 'x'"],
)
async def test_the_ledger_refuses_to_be_changed(statement: str, client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, a_request())
    async with pool.acquire() as connection:
        with pytest.raises(asyncpg.RaiseError, match="immutable"):
            await connection.execute(statement)


async def test_the_ledger_refuses_an_entry_that_does_not_balance(pool: Pool) -> None:
    async with pool.acquire() as connection:
        entry = await connection.fetchval(
            "INSERT INTO entry (kind, member_id, currency) VALUES ('hold', 'm', 'CNY') RETURNING entry_id"
        )
        with pytest.raises(asyncpg.RaiseError, match="does not balance"):
            await connection.execute("INSERT INTO posting VALUES ($1, 'a', 5), ($1, 'b', -4)", entry)


async def test_no_answer_and_no_event_carries_a_score(client: httpx.AsyncClient, pool: Pool) -> None:
    said = await deliver(pool, handlers, a_request(viewer_id="m-2"))
    async with pool.acquire() as connection:
        points = str(await connection.fetchval("SELECT points FROM assessment"))
    answer = await client.get("/v1/members/m-2")

    assert names(said) == ["AgreementDeclined", "CreditDeclined"]
    assert answer.json()["agreements"][0]["reasons"] == ["high_utilisation", "long_delay", "paid_late"]
    assert "points" not in answer.text
    assert all(points not in event.model_dump_json() for event in said)


async def test_a_line_is_never_lowered_below_what_is_held(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, a_request(amount_minor=50_000))
    refused = await client.put("/v1/members/m-1/line", json={"limit_minor": 49_999})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:lutong:problem:line_in_use")
    assert (await client.put("/v1/members/m-1/line", json={"limit_minor": 50_000})).json()["available_minor"] == 0
    await summary(client)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/v1/plans/light", b"{", 422),
        ("PUT", "/v1/plans/light", b'{"title": "\xff"}', 400),
        ("PUT", "/v1/plans/bad id", b"{}", 422),
        ("PUT", "/v1/plans/x", b'{"merchant_id": "shop", "title": "a\\u0000", "line_limit_minor": 1}', 422),
        ("PUT", "/v1/plans/x", b'{"merchant_id": "shop", "title": "a", "line_limit_minor": 1, "secret_limit": 2}', 422),
        ("PUT", "/v1/plans/light", b'{"merchant_id": "other", "title": "a", "line_limit_minor": 1}', 409),
        ("POST", "/v1/members/nobody/repayments", b'{"amount_minor": 1}', 404),
        ("POST", "/v1/members/m-1/repayments", b'{"amount_minor": -1}', 422),
        ("GET", "/v1/holds/nothing", b"", 404),
        ("PUT", "/v1/members/m-1/profile", b'{"months_known": 1e400}', 422),
    ],
)
async def test_bad_input_is_a_problem_that_says_what(
    method: str, path: str, body: bytes, status: int, client: httpx.AsyncClient
) -> None:
    answer = await client.request(method, path, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"]
