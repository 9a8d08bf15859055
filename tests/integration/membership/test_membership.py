"""Membership on a real PostgreSQL: credit is never doubled, never exceeded, never lost."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
import pytest_asyncio
from uuid_utils import uuid7

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_received, create_database, deliver, drop_database, http_client, migrate_database
from lutong_membership.app import service
from lutong_membership.handlers import handlers
from tests.conftest import Infrastructure
from tests.integration.membership.story import claim, names, tell, transfer
from tests.support import builders
from tests.support.builders import BAD_PROFILE, GOOD_PROFILE, a_request, cancelled, fulfilled


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
    found = (await client.get("/v1/summary")).json()
    assert (found["unbalanced_entries"], found["lines_off_ledger"], found["debts_off_lines"]) == (0, 0, 0)
    return {name: found[name] for name in ("holds", "held_minor", "owed_minor", "captured_minor")}


async def test_an_order_is_held_and_captured_and_repaid(client: httpx.AsyncClient, pool: Pool) -> None:
    signature = ["AgreementConsulted", "CreditAssessed", "AgreementSigned", "CreditHeld", "HoldLapsed"]
    assert names(await tell(pool, a_request())) == signature
    assert names(await deliver(pool, handlers, fulfilled())) == ["HoldCaptured"]
    assert (await transfer(client, 4_000)).json()["state"] == "confirmed"

    line = (await client.get("/v1/members/m-1")).json()["lines"][0]
    assert (line["limit_minor"], line["held_minor"], line["owed_minor"], line["available_minor"]) == (
        100_000,
        0,
        6_000,
        94_000,
    )
    assert (await claim(client, 6_001)).status_code == 409
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
    assert names(await tell(pool, request, request))[-2:] == ["CreditHeld", "HoldLapsed"]
    assert await tell(pool, request) == []
    assert await tell(pool, a_request()) == []  # another event for the same order
    assert (await summary(client))["held_minor"] == 10_000


async def test_compensation_for_an_order_that_was_never_held_leaves_a_tombstone(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    assert await deliver(pool, handlers, cancelled()) == []
    published = await deliver(pool, handlers, a_request())
    assert names(published) == ["CreditDeclined"]
    assert published[0].reason == "order_cancelled"  # type: ignore[attr-defined]  # a CreditDeclined
    assert await summary(client) == {"holds": {"cancelled": 1}, "held_minor": 0, "owed_minor": 0, "captured_minor": 0}


@pytest.mark.parametrize("first", ["fulfilled", "cancelled"])
async def test_the_first_ending_of_a_hold_wins_and_the_second_publishes_nothing(
    first: str, client: httpx.AsyncClient, pool: Pool
) -> None:
    second = {"fulfilled": "cancelled", "cancelled": "fulfilled"}[first]
    await tell(pool, a_request())
    assert len(await deliver(pool, handlers, getattr(builders, first)())) == 1
    assert await deliver(pool, handlers, getattr(builders, second)()) == []
    await summary(client)


async def test_capture_and_release_at_once_end_a_hold_once(client: httpx.AsyncClient, pool: Pool) -> None:
    orders = [f"o-{n}" for n in range(30)]
    await tell(pool, *[a_request(order, 1_000) for order in orders])
    both = [(fulfilled(order, 1_000), cancelled(order)) for order in orders]
    endings = [deliver(pool, handlers, ending) for endings in both for ending in endings]
    published = [name for events in await asyncio.gather(*endings) for name in names(events)]

    assert len(published) == 30
    assert set(published) <= {"HoldCaptured", "HoldReleased"}
    assert (await summary(client))["held_minor"] == 0


async def test_concurrent_holds_never_exceed_the_limit(client: httpx.AsyncClient, pool: Pool) -> None:
    await tell(pool, a_request("first", 1))
    published = await asyncio.gather(*(deliver(pool, handlers, a_request(f"o-{n}", 10_000)) for n in range(30)))
    held = [name for events in published for name in names(events)]

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
    await tell(pool, a_request())
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


async def test_the_ledger_refuses_its_own_service_too(infrastructure: Infrastructure) -> None:
    """By grant as well as by trigger: the service's user owns the tables, and may still only append and read."""
    who = f"member_{uuid7().hex[-8:]}"
    admin = await asyncpg.connect(infrastructure.admin_url)
    url = await create_database(infrastructure.admin_url, who)
    try:
        await admin.execute(f"CREATE ROLE {who} LOGIN PASSWORD 'x'")
        await admin.execute(f"ALTER DATABASE {who} OWNER TO {who}")
        parts = urlsplit(url)
        own = urlunsplit(parts._replace(netloc=f"{who}:x@{parts.hostname}:{parts.port}"))
        await migrate_database(own, service.migrations)
        connection = await asyncpg.connect(own)
        try:
            for verb in (
                "UPDATE entry SET kind = 'x'",
                "DELETE FROM posting",
                "TRUNCATE entry",
                "UPDATE posting SET account = 'x'",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(verb)
        finally:
            await connection.close()
    finally:
        await drop_database(infrastructure.admin_url, who)
        await admin.execute(f"DROP ROLE IF EXISTS {who}")
        await admin.close()


async def test_no_answer_and_no_event_carries_a_score(client: httpx.AsyncClient, pool: Pool) -> None:
    published = await tell(pool, a_request(viewer_id="m-2"))
    async with pool.acquire() as connection:
        points = str(await connection.fetchval("SELECT points FROM assessment"))
    answer = await client.get("/v1/members/m-2")

    assert names(published) == ["AgreementConsulted", "CreditAssessed", "AgreementDeclined", "CreditDeclined"]
    assert answer.json()["agreements"][0]["reasons"]
    assert "points" not in answer.text
    assert all(points not in event.model_dump_json() for event in published)


async def test_line_lowered_below_current_holds_is_accepted_and_falls_as_they_end(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await tell(pool, a_request("o-1", 50_000), a_request("o-2", 20_000))
    lowered = (await client.put("/v1/members/m-1/line", json={"limit_minor": 30_000, "reason": "moved away"})).json()
    assert (lowered["limit_minor"], lowered["target_minor"], lowered["available_minor"]) == (70_000, 30_000, 0)
    assert names(await deliver(pool, handlers, a_request("o-3", 1))) == ["CreditDeclined"]

    await deliver(pool, handlers, cancelled("o-1"))
    line = (await client.get("/v1/members/m-1")).json()["lines"][0]
    assert (line["limit_minor"], line["held_minor"], line["available_minor"]) == (30_000, 20_000, 10_000)
    await summary(client)


async def test_an_unused_line_can_be_lowered_and_raised_at_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await tell(pool, a_request("o-1", 50_000))
    for limit, expected in ((10_000, 50_000), (60_000, 60_000), (50_000, 50_000), (49_999, 50_000)):
        answer = (await client.put("/v1/members/m-1/line", json={"limit_minor": limit, "reason": "as agreed"})).json()
        assert (answer["limit_minor"], answer["target_minor"]) == (expected, limit)
    await summary(client)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/v1/plans/light", b"{", 400),
        ("PUT", "/v1/plans/light", b'{"title": "\xff"}', 400),
        ("PUT", "/v1/plans/bad id", b"{}", 422),
        ("PUT", "/v1/plans/x", b'{"merchant_id": "shop", "title": "a\\u0000", "line_limit_minor": 1}', 422),
        ("PUT", "/v1/plans/x", b'{"merchant_id": "shop", "title": "a", "line_limit_minor": 1, "secret_limit": 2}', 422),
        ("PUT", "/v1/plans/light", b'{"merchant_id": "other", "title": "a", "line_limit_minor": 1}', 409),
        ("POST", "/v1/members/nobody/repayments", b'{"amount_minor": 1, "bank": "icbc", "reference": "T-1"}', 404),
        ("POST", "/v1/members/m-1/repayments", b'{"amount_minor": 1}', 422),
        ("POST", "/v1/members/m-1/repayments", b'{"amount_minor": 1, "bank": "icbc", "reference": "a b"}', 422),
        ("POST", "/v1/members/m-1/repayments", b'{"amount_minor": -1}', 422),
        ("GET", "/v1/holds/nothing", b"", 404),
        ("PUT", "/v1/members/m-1/profile", b'{"months_known": 1e400}', 422),
    ],
)
async def test_bad_input_is_a_problem_that_names_the_field(
    method: str, path: str, body: bytes, status: int, client: httpx.AsyncClient
) -> None:
    answer = await client.request(method, path, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"]
