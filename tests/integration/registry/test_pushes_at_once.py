"""Pushes that are submitted at the same moment share one quota; without what keeps it, too many are sent."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import httpx
import pytest
import pytest_asyncio

from lutong_chassis import Answer, Problem, Tx, database
from lutong_chassis.database import Pool
from lutong_chassis.testing import http_client, in_transaction
from lutong_registry.app import service
from lutong_registry.life_accounts import commands, store
from lutong_registry.life_accounts.store import Place
from tests.integration.registry.pushing import an_account, asked, draft, set_policy

CONCURRENT = 64
QUOTA = 3

Take = Callable[[Tx, Sequence[Place]], Awaitable[None]]


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        await an_account(client, pool)
        yield client


async def _rush(pool: Pool, client: httpx.AsyncClient) -> Counter[str]:
    """Sixty-four pushes are handed in at once, each in a transaction of its own as by as many replicas."""
    await set_policy(pool, "calendar_week", QUOTA)
    for number in range(CONCURRENT):
        await draft(client, f"push-{number}")

    async def hand_in(number: int) -> str:
        try:
            async with database.transaction(pool) as tx:
                (answer,) = await commands.submit_pushes([asked(f"push-{number}")], tx)
        except Exception as error:  # counted: a mutant may end in any
            return type(error).__name__
        return "reserved" if isinstance(answer, Answer) else answer.kind if isinstance(answer, Problem) else ""

    return Counter(await asyncio.gather(*(hand_in(number) for number in range(CONCURRENT))))


async def reserved(pool: Pool) -> int:
    async with in_transaction(pool) as tx:
        return int(await tx.fetchval("SELECT count(*) FROM push WHERE state = 'quota_reserved'"))


async def test_pushes_at_once_get_the_quota_and_no_more(client: httpx.AsyncClient, pool: Pool) -> None:
    assert await _rush(pool, client) == {"reserved": QUOTA, "quota_exhausted": CONCURRENT - QUOTA}
    assert await reserved(pool) == QUOTA


async def test_without_its_lock_the_conditional_update_holds(
    client: httpx.AsyncClient, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_lock(monkeypatch)
    monkeypatch.setattr(store, "take_places", _together(store.take_places))
    outcomes = await _rush(pool, client)
    assert outcomes["QuotaOverrunError"] > 0
    assert await reserved(pool) == QUOTA


async def test_without_lock_and_condition_too_many_are_sent(
    client: httpx.AsyncClient, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the two tests before: what they watch for does happen."""
    _without_lock(monkeypatch)

    async def take_any(tx: Tx, places: Sequence[Place]) -> None:
        for place in places:
            await tx.execute(
                """
                INSERT INTO push_window AS known VALUES ($1, $2, $3, 1000)
                    ON CONFLICT (account_id, starts_at) DO UPDATE SET used = known.used + excluded.used
                """,
                *place[:3],
            )

    monkeypatch.setattr(store, "take_places", _together(take_any))
    await _rush(pool, client)
    assert await reserved(pool) > QUOTA


def _together(take: Take) -> Take:
    """Places are taken once more pushes than the quota has places were decided: none of them saw another."""
    decided, enough = 0, asyncio.Event()

    async def waits(tx: Tx, places: Sequence[Place]) -> None:
        nonlocal decided
        decided += bool(places)
        if decided > QUOTA:
            enough.set()
        if places:
            await enough.wait()
        await take(tx, places)

    return waits


def _without_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    read = store.accounts

    async def unlocked(tx: Tx, account_ids: list[str], *, lock: bool = False) -> object:
        return await read(tx, account_ids, lock=lock and False)

    monkeypatch.setattr(store, "accounts", unlocked)
