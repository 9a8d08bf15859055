"""A service whose log has no room: it goes on, whatever it has to report."""

from pathlib import Path

import pytest

from tests.conftest import Infrastructure
from tests.integration.chassis.outages import cut
from tests.integration.chassis.toy import Counted
from tests.support.harness import a_record, a_toy, feed, until

FULL = Path("/dev/full")
EVENTS = 50


@pytest.mark.skipif(not FULL.exists(), reason="this machine has no /dev/full")
async def test_a_log_without_room_ends_no_loop(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.printed_to = FULL
        toy.start(LUTONG_BATCH_RECORDS_MAX="5", LUTONG_RETRY_DELAY_MAX_S="0.1")
        await toy.ready()
        for _ in range(3):
            assert await cut(toy.database_url)  # each loop fails, and reports it
            await toy.ready()
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id=f"c-{n % 7}")) for n in range(EVENTS)])
        assert (await toy.post("/v1/reminders/b?after_ms=1")).status_code == 202

        async def counted() -> bool:
            return sum((await toy.totals()).values()) == EVENTS

        async def nothing_waits() -> bool:
            return not await toy.rows("SELECT FROM pending UNION ALL SELECT FROM deadline")

        await until(counted, "events are taken in")
        await until(nothing_waits, "deadlines fall due, and the relay carries what is there")
        metrics = await toy.get("/metrics")
        assert metrics is not None
        lost = next(line for line in metrics.text.splitlines() if line.startswith("lutong_log_lines_lost_total "))
        assert float(lost.split()[1]) > 0
