"""Credit under a crowd: never over the limit, one ending each, one effect each."""

import asyncio
import random

import asyncpg
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_received, deliver, http_client
from lutong_contracts import Event
from lutong_contracts.membership import CreditHeld
from lutong_membership.app import service
from lutong_membership.handlers import handlers
from tests.integration.conftest import PoolOf
from tests.integration.membership.story import tell
from tests.stress.load import CONSUMERS, rush
from tests.support.builders import GOOD_PROFILE, a_request, cancelled, fulfilled

pytestmark = pytest.mark.timeout(600)

ACCOUNTS, HOLDS, ROUNDS = 50, 200, 20
LIMIT_MINOR = 100_000


@pytest_asyncio.fixture
async def pool(pool_of: PoolOf) -> Pool:
    """A membership with one plan and fifty members who joined it, m-0 to m-49."""
    pool = await pool_of(service)
    async with http_client(service, pool) as client:
        terms = {"merchant_id": "shop", "title": "轻会员", "line_limit_minor": LIMIT_MINOR}
        assert (await client.put("/v1/plans/light", json=terms)).status_code == 200
        profiles = [{"member_id": f"m-{n}", **GOOD_PROFILE} for n in range(ACCOUNTS)]
        assert (await client.post("/v1/members/profiles/batch", json={"profiles": profiles})).status_code == 201
    await tell(pool, *[a_request(f"first-{n}", 1, f"m-{n}") for n in range(ACCOUNTS)])
    await deliver(pool, handlers, *[cancelled(f"first-{n}") for n in range(ACCOUNTS)])
    return pool


async def lines(pool: Pool) -> list[asyncpg.Record]:
    return await pool.fetch("SELECT held_minor, owed_minor, limit_minor FROM credit_line ORDER BY member_id")


async def assert_balanced(pool: Pool) -> None:
    async with http_client(service, pool) as client:
        summary = (await client.get("/v1/summary")).json()
    assert (summary["unbalanced_entries"], summary["lines_off_ledger"]) == (0, 0)


async def test_fifty_accounts_with_two_hundred_concurrent_holds_each_never_exceed_a_limit(pool: Pool) -> None:
    rng = random.Random(1)
    for number in range(ROUNDS):
        amount_minor = rng.choice([700, 900, 1_100, 3_000])
        wishes = [
            a_request(f"o-{number}-{member}-{n}", amount_minor, f"m-{member}")
            for member in range(ACCOUNTS)
            for n in range(HOLDS)
        ]
        published = await rush(pool, handlers, wishes, rng, batch_max=200)
        fitting = min(HOLDS, LIMIT_MINOR // amount_minor)
        assert [row["held_minor"] for row in await lines(pool)] == [fitting * amount_minor] * ACCOUNTS

        held = [event.order_id for event in published if isinstance(event, CreditHeld)]
        assert len(held) == fitting * ACCOUNTS
        await rush(pool, handlers, [cancelled(order_id) for order_id in held], rng, batch_max=200)
        assert [row["held_minor"] for row in await lines(pool)] == [0] * ACCOUNTS
    await assert_balanced(pool)


async def test_negative_control_check_then_insert_exceeds_the_limit_under_the_same_load(pool: Pool) -> None:
    """What the locks and the conditional update are for."""
    await pool.execute("CREATE TABLE naive (member integer, amount integer)")
    wishes = [member for member in range(ACCOUNTS) for _ in range(HOLDS)]
    random.Random(1).shuffle(wishes)

    async def consumer() -> None:
        while wishes:
            member = wishes.pop()
            async with pool.acquire() as connection, connection.transaction():
                used = await connection.fetchval("SELECT coalesce(sum(amount), 0) FROM naive WHERE member = $1", member)
                if used + 1_100 <= LIMIT_MINOR:
                    await connection.execute("INSERT INTO naive VALUES ($1, 1100)", member)

    await asyncio.gather(*(consumer() for _ in range(CONSUMERS)))
    assert await pool.fetchval("SELECT max(used) FROM (SELECT sum(amount) AS used FROM naive GROUP BY member) AS n") > (
        LIMIT_MINOR
    )


async def test_ten_thousand_holds_captured_and_released_at_once_end_once(pool: Pool) -> None:
    rng = random.Random(2)
    orders = [f"o-{n}" for n in range(10_000)]
    wishes = [a_request(order_id, 10, f"m-{n % ACCOUNTS}") for n, order_id in enumerate(orders)]
    assert len(await rush(pool, handlers, wishes, rng, batch_max=200)) >= len(orders)

    async def end(event: Event) -> int:
        await asyncio.sleep(rng.uniform(0, 0.01))  # the race: ± 5 ms around the same moment
        return len(await deliver(pool, handlers, event))

    racing = asyncio.Semaphore(CONSUMERS // 2)

    async def race(order_id: str) -> int:
        async with racing:
            return sum(await asyncio.gather(end(fulfilled(order_id, 10)), end(cancelled(order_id))))

    assert set(await asyncio.gather(*map(race, orders))) == {1}
    endings = await pool.fetch("SELECT state, count(*) AS n FROM hold WHERE order_id LIKE 'o-%' GROUP BY state")
    assert {row["state"] for row in endings} == {"captured", "released"}
    assert sum(row["n"] for row in endings) == len(orders)
    once = "SELECT count(*) FROM entry WHERE kind IN ('capture', 'release') AND order_id LIKE 'o-%'"
    assert await pool.fetchval(once) == len(orders)
    await assert_balanced(pool)


async def test_a_thousand_events_at_eight_consumers_each_have_one_effect_each(pool: Pool) -> None:
    rng = random.Random(3)
    wishes = [a_received(a_request(f"o-{n}", 10, f"m-{n % ACCOUNTS}")) for n in range(1_000)]

    async def consumer() -> list[Event]:
        mine, published = rng.sample(wishes, len(wishes)), []
        while mine:
            size = rng.randint(1, 20)
            batch, mine[:size] = mine[:size], []
            published += await deliver(pool, handlers, *batch)
        return published

    published = [event for events in await asyncio.gather(*(consumer() for _ in range(CONSUMERS))) for event in events]
    held = sorted(event.order_id for event in published if isinstance(event, CreditHeld))
    assert held == sorted(f"o-{n}" for n in range(1_000))
    assert await pool.fetchval("SELECT count(*) FROM inbox WHERE type LIKE '%requested%'") == len(wishes) + ACCOUNTS
    assert sum(row["held_minor"] for row in await lines(pool)) == 10 * len(wishes)
    await assert_balanced(pool)
