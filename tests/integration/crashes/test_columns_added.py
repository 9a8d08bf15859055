"""A migration of the next version runs while this one works: each table gets a column before each step of each story."""

from dataclasses import replace
from typing import Any

import pytest

from lutong_chassis.database import Pool, connect
from lutong_chassis.testing import create_database, drop_database, migrate_database, settings_for
from tests.conftest import Infrastructure
from tests.integration.crashes.crashing_process import Command, act_on, service_named
from tests.integration.crashes.scenarios import STORIES
from tests.integration.crashes.steps import Meanwhile
from tests.integration.crashes.test_crash_matrix import a_delivery


async def _add_a_column_everywhere(pool: Pool, number: int) -> None:
    tables = await pool.fetch(
        """
        SELECT oid::regclass::text AS name FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'migration'
        """
    )
    for table in tables:
        await pool.execute(f"ALTER TABLE {table['name']} ADD COLUMN added_{number} text")


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("masters")  # the vault of inventory is open
@pytest.mark.parametrize("name", STORIES)
async def test_no_handler_and_no_command_minds_a_column_that_is_added(
    name: str, infrastructure: Infrastructure
) -> None:
    service, database_name = service_named(name), f"columns_{name}"
    url = await create_database(infrastructure.admin_url, database_name)
    await migrate_database(url, service.migrations)
    pool, migrator = [await connect(settings_for(url, database_connections_max=3)) for _ in range(2)]
    try:
        known: dict[str, Any] = {}
        for number, step in enumerate(STORIES[name]):
            await _add_a_column_everywhere(migrator, number)
            if isinstance(step, Meanwhile):
                await migrator.execute(step.sql)
                continue
            what = step(known) if callable(step) else step
            act = replace(what, key=f"step-{number}") if isinstance(what, Command) else a_delivery(what, number)
            answer = await act_on(service, pool, act)
            assert await pool.fetchval("SELECT count(*) FROM parked") == 0, f"{what} was parked"
            if answer is not None:
                assert answer.status_code < 300, f"{what}: {answer.text}"
                body = answer.json() if answer.content else {}
                known |= body if isinstance(body, dict) else {}
    finally:
        await pool.close()
        await migrator.close()
        await drop_database(infrastructure.admin_url, database_name)
