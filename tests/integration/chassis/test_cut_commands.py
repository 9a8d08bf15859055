"""A command whose connection is cut, or whose value no column takes: what its client is answered, and what is tried again."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from tests.conftest import Infrastructure
from tests.integration.chassis.outages import (
    cut,
)
from tests.support.harness import a_toy

CUTS = 15


async def test_a_cut_connection_ends_no_statement_of_ours_twice(infrastructure: Infrastructure, tmp_path: Path) -> None:
    """A command whose commit may have happened is never tried again by itself: its client decides."""
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_RETRY_DELAY_MAX_S="0.05")
        await toy.ready()
        taken = 0
        for _ in range(CUTS):
            answers, _ = await asyncio.gather(
                asyncio.gather(*(toy.post("/v1/counts", counter_id="many") for _ in range(10))), cut(toy.database_url)
            )
            assert {answer.status_code for answer in answers} <= {201, 503}
            taken += sum(answer.status_code == 201 for answer in answers)
        written = await toy.rows("SELECT count(*) FROM outbox WHERE key = 'many' AND type = 'lutong.toy.counted.v1'")
        assert taken <= written[0]["count"] <= 10 * CUTS


_CUT_ITSELF = """
    CREATE SEQUENCE tries;
    CREATE FUNCTION cut_itself() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM nextval('tries'), pg_terminate_backend(pg_backend_pid());
        RETURN NULL;
    END $$;
"""


@pytest.mark.parametrize(
    ("when", "tries"),
    [
        ("CREATE TRIGGER cut AFTER INSERT ON stream", 2),
        ("CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON stream DEFERRABLE INITIALLY DEFERRED", 1),
    ],
    ids=["before the commit", "at the commit"],
)
async def test_a_command_that_is_cut_is_tried_again_unless_it_commits(
    when: str, tries: int, infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        await toy.pool.execute(f"{_CUT_ITSELF} {when} FOR EACH ROW EXECUTE FUNCTION cut_itself()")
        answer = await toy.post("/v1/counts", counter_id="a")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert await toy.pool.fetchval("SELECT last_value FROM tries") == tries
        await toy.pool.execute("DROP TRIGGER cut ON stream")
        assert (await toy.post("/v1/counts", counter_id="a")).status_code == 201


async def test_a_value_that_its_column_cannot_take_is_the_requests_fault(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        answer = await toy.get(f"/v1/counts/a/at/{10**12}")
        assert answer is not None
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:lutong:problem:unstorable")
        assert '"event": "command_failed"' in toy.log.read_text()


def test_asyncpg_names_the_class_of_an_outdated_plan() -> None:
    """What the retry relies on; look at `errors` when this fails."""
    assert issubclass(asyncpg.exceptions.InvalidCachedStatementError, asyncpg.FeatureNotSupportedError)
