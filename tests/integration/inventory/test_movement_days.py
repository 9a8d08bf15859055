"""Movements by the day: each day is a table of its own, none is dropped, and the release before goes on under the same name."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import httpx
import pytest
import pytest_asyncio
from uuid_utils.compat import uuid7

from lutong_chassis import database
from lutong_chassis.database import Pool
from lutong_chassis.testing import create_database, drop_database, in_transaction, migrate_database, settings_for
from lutong_inventory import app
from lutong_inventory.stock.domain.shelves import Shelf
from lutong_inventory.stock.store import shelves as store
from tests.conftest import Infrastructure
from tests.integration.inventory.shop import stock, summary

BY_THE_DAY: Final = 20
_MOVE: Final = """
    INSERT INTO movement (location_id, sku, kind, on_hand_delta, reserved_delta, unavailable_delta, moved_at)
    VALUES ('near', 'tea', 'received', 1, 0, 0, $1) RETURNING movement_id, tableoid::regclass::text AS kept_in
"""
"""What the release before enters, too."""


def midnight(days_ahead: int) -> datetime:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=days_ahead)


@pytest_asyncio.fixture
async def before(infrastructure: Infrastructure) -> AsyncIterator[Pool]:
    """A database as the release before left it."""
    name = f"test_before_{uuid7().hex[-12:]}"
    url = await create_database(infrastructure.admin_url, name)
    older = [each for each in app.service.migrations if each.component == "chassis" or each.number < BY_THE_DAY]
    await migrate_database(url, older)
    pool = await database.connect(settings_for(url))
    yield pool
    await pool.close()
    await drop_database(infrastructure.admin_url, name)


async def upgraded(infrastructure: Infrastructure, pool: Pool) -> None:
    name = await pool.fetchval("SELECT current_database()")
    await migrate_database(infrastructure.admin_url.rsplit("/", 1)[0] + f"/{name}", app.service.migrations)


async def test_what_was_entered_before_is_the_first_of_the_days(infrastructure: Infrastructure, before: Pool) -> None:
    old = [await before.fetchrow(_MOVE, midnight(days)) for days in (-400, -1, 0)]
    await upgraded(infrastructure, before)
    assert [row["kept_in"] for row in old if row] == ["movement"] * 3
    kept = await before.fetch("SELECT movement_id, tableoid::regclass::text AS kept_in FROM movement ORDER BY 1")
    assert [tuple(row) for row in kept] == [(number, "movement_before") for number in (1, 2, 3)]
    today = await before.fetchrow(_MOVE, datetime.now(UTC))
    assert today is not None
    assert tuple(today) == (4, "movement_before")


async def test_each_day_that_comes_is_a_table_of_its_own(pool: Pool) -> None:
    tomorrow, last, beyond = [await pool.fetchrow(_MOVE, midnight(days)) for days in (1, 7, 8)]
    assert tomorrow
    assert last
    assert beyond
    assert tomorrow["kept_in"] == f"movement_{midnight(1):%Y%m%d}"
    assert last["kept_in"] == f"movement_{midnight(7):%Y%m%d}"
    assert beyond["kept_in"] == "movement_default"


async def test_keeping_days_again_changes_nothing(pool: Pool) -> None:
    tables = (
        "SELECT array_agg(inhrelid::regclass::text ORDER BY 1) FROM pg_inherits WHERE inhparent = 'movement'::regclass"
    )
    found = await pool.fetchval(tables)
    async with in_transaction(pool) as tx:
        await store.keep_days(tx)
    assert await pool.fetchval(tables) == found


@pytest.mark.parametrize("table", ["movement", "movement_before", "movement_default", f"movement_{midnight(1):%Y%m%d}"])
async def test_no_day_lets_its_movements_be_changed(pool: Pool, table: str) -> None:
    with pytest.raises(asyncpg.RaiseError, match="movements are immutable"):
        await pool.execute(f"DELETE FROM {table}")


async def test_what_moved_lately_opens_no_days_before(pool: Pool) -> None:
    asked = store.Since(Shelf("near", "tea"), midnight(2))
    await pool.fetchrow(_MOVE, midnight(3))
    locks = (
        "SELECT array_agg(relation::regclass::text) FROM pg_locks WHERE pid = pg_backend_pid() AND relation IS NOT NULL"
    )
    async with in_transaction(pool) as tx:
        assert await store.moved_since(tx, [asked]) == {asked: 1}
        opened = set(await tx.fetchval(locks))
    assert f"movement_{midnight(3):%Y%m%d}" in opened
    assert opened.isdisjoint({"movement_before", f"movement_{midnight(1):%Y%m%d}"})


async def test_the_days_add_up_to_the_shelf(client: httpx.AsyncClient, pool: Pool) -> None:
    await stock(client, near_tea=5)
    await pool.execute(_MOVE, midnight(2))
    await pool.execute("UPDATE shelf SET on_hand = on_hand + 1 WHERE sku = 'tea'")
    await summary(client)
    found = (await client.get("/v1/locations/near/stock/tea/movements")).json()
    assert [movement["on_hand_delta"] for movement in found] == [1, 5]
