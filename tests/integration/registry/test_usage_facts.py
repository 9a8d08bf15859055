"""How programs are used is kept event by event, and is counted again from that, also beside the release before."""

from datetime import UTC, datetime, timedelta

import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_received, deliver
from lutong_contracts.feed import CardTapped, ServiceSolved
from lutong_registry.handlers import handlers
from lutong_registry.usage import store
from tests.support.builders import fulfilled

_BEFORE = """
    INSERT INTO usage AS known (program_id, opened)
    SELECT program_id, count(*) FROM unnest($1::text[]) AS program_id GROUP BY program_id ORDER BY program_id
        ON CONFLICT (program_id) DO UPDATE SET opened = known.opened + excluded.opened
"""
"""How release fe36945 counts."""
TAPPED = CardTapped(viewer_id="ann", post_id="p-1", program_id="g-1", version=1)
SOLVED = ServiceSolved(viewer_id="ann", post_id="p-1", program_id="g-1")


async def test_each_use_is_a_fact_and_counted_once(pool: Pool) -> None:
    batch = [a_received(TAPPED), a_received(SOLVED), a_received(fulfilled("o-1", 900))]
    for _ in range(2):
        await deliver(pool, handlers, *batch)
    rows = await pool.fetch("SELECT kind, amount_minor, currency FROM usage_fact ORDER BY kind")
    assert [tuple(row) for row in rows] == [("fulfilled", 900, "CNY"), ("opened", None, None), ("solved", None, None)]
    assert (await store.usage(pool, "g-1"))["opened"] == 1


@pytest.mark.parametrize("first", ["before", "new"])
async def test_usage_is_counted_again_in_either_order(pool: Pool, first: str) -> None:
    """Replicas of the release before keep no facts: what they count is kept as a number."""
    if first == "before":
        await pool.execute(_BEFORE, ["g-1", "g-1"])
        await deliver(pool, handlers, TAPPED, SOLVED)
    else:
        await deliver(pool, handlers, TAPPED, SOLVED)
        await pool.execute(_BEFORE, ["g-1", "g-1"])
    assert await pool.fetchval("SELECT rebuild_usage()") == 0
    old = a_received(TAPPED)._replace(time=datetime.now(UTC) - timedelta(days=500))
    await deliver(pool, handlers, old)
    await pool.execute("SELECT keep_fact_days('400 days')")
    await pool.execute("UPDATE usage SET opened = 77, solved = 0, batches = batches + 1")
    assert await pool.fetchval("SELECT rebuild_usage()") == 1
    assert await store.usage(pool, "g-1") == {"opened": 4, "solved": 1, "fulfilled": 0}
    await pool.execute("UPDATE usage SET opened_before = 0, batches = batches + 1")  # the negative control
    assert await pool.fetchval("SELECT rebuild_usage()") == 1
