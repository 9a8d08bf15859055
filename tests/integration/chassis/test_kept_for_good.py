"""What housekeeping never removes: orders and what was held for them, so that they can be counted anew by the day."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from lutong_chassis import Service
from lutong_chassis.database import Pool
from lutong_chassis.maintenance import run_maintenance
from lutong_chassis.testing import settings_for
from lutong_inventory import app as inventory
from lutong_membership import app as membership
from tests.integration.conftest import PoolOf
from tests.support.harness import until

YEARS_AGO: Final = datetime(2016, 2, 29, 23, 59, tzinfo=UTC)
_ORDER: Final = """
    INSERT INTO customer_order (order_id, merchant_id, member_id, post_id, program_id, amount_minor, currency, mode, lines,
                                state, correlation_id, created_at, changed_at)
    VALUES ($1, 'shop', 'm-1', 'p-1', 'g-1', 500, 'CNY', 'delivery', '[]', 'fulfilled', 'j-1', $2, $2)
"""
_MOVEMENT: Final = """
    INSERT INTO movement (location_id, sku, kind, on_hand_delta, reserved_delta, order_id, moved_at)
    VALUES ('near', 'tea', 'shipped', -1, -1, $1, $2)
"""
_HOLD: Final = """
    INSERT INTO hold (order_id, member_id, merchant_id, agreement_id, amount_minor, total_minor, captured_minor, currency,
                      state, placed_at)
    VALUES ($1, 'm-1', 'shop', 'a-1', 500, 500, 500, 'CNY', 'captured', $2)
"""
KEPT: Final = {
    "inventory": (inventory.service, {"customer_order": _ORDER, "movement": _MOVEMENT}),
    "membership": (membership.service, {"hold": _HOLD}),
}
_RECEIVED: Final = """
    INSERT INTO inbox (source, id, type, topic, partition, "offset", key, correlation_id, occurred_at, received_at)
    VALUES ('/test', 'old', 'test', 'test', 0, 0, 'key', 'j-1', $1, $1)
"""


@asynccontextmanager
async def maintained(pool: Pool, url: str) -> AsyncIterator[None]:
    """Housekeeping runs, and keeps outbox and inbox for a day."""
    retention = {name: timedelta(days=1) for name in ("outbox_retention", "inbox_retention")}
    running = asyncio.create_task(run_maintenance(pool, settings_for(url).model_copy(update=retention)))
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def documented(table: str) -> str:
    """The query of docs/data.md over a table."""
    blocks = re.findall(r"```sql\n(.*?)```", Path("docs/data.md").read_text(encoding="utf-8"), re.DOTALL)
    (query,) = [block for block in blocks if f"FROM {table}\n" in block]
    return str(query)


@pytest.mark.parametrize("name", KEPT)
async def test_housekeeping_removes_no_order_however_old(pool_of: PoolOf, name: str) -> None:
    service, tables = KEPT[name]
    pool = await pool_of(service)
    for insert in tables.values():
        await pool.execute(insert, "o-old", YEARS_AGO)
    await pool.execute(_RECEIVED, YEARS_AGO)
    async with maintained(pool, "postgresql://unused"):

        async def forgotten() -> bool:
            return await pool.fetchval("SELECT NOT EXISTS (SELECT FROM inbox)") is True

        await until(forgotten, "the negative control: what has a retention is removed")
    for table in tables:
        assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 1, table


class Day(NamedTuple):
    """How many orders a day has, and their amount."""

    day: date
    orders: int
    amount_minor: int


async def days(pool: Pool, service: Service) -> list[Day]:
    """Days as the documented query has them."""
    table = "customer_order" if service.name == "inventory" else "hold"
    return [Day(row[0], row[4], row[5]) for row in await pool.fetch(documented(table))]


@pytest.mark.parametrize("name", KEPT)
async def test_the_documented_query_counts_orders_by_the_day(pool_of: PoolOf, name: str) -> None:
    service, tables = KEPT[name]
    pool = await pool_of(service)
    insert = next(iter(tables.values()))
    noon = datetime.now(UTC).replace(hour=12)
    for number, at in enumerate((noon, noon, noon - timedelta(days=2), YEARS_AGO)):
        await pool.execute(insert, f"o-{number}", at)
    assert await days(pool, service) == [Day((noon - timedelta(days=2)).date(), 1, 500), Day(noon.date(), 2, 1_000)]
