"""More than can be done: what is admitted is done, the rest is refused at once and told when to come back."""

import asyncio
from pathlib import Path

import asyncpg
import httpx

from tests.conftest import Infrastructure
from tests.support.harness import Toy, a_toy, until


async def stuck(toy: Toy, count: int) -> tuple[asyncpg.Connection, list[asyncio.Task[httpx.Response]]]:
    """Commands that wait for a table which another transaction has locked, and that transaction."""
    holder: asyncpg.Connection = await asyncpg.connect(toy.database_url)
    await holder.execute("BEGIN; LOCK TABLE stream IN ACCESS EXCLUSIVE MODE")
    tasks = [asyncio.create_task(toy.post("/v1/counts", counter_id=f"c{n}")) for n in range(count)]

    async def all_wait() -> bool:
        waiting = await holder.fetchval(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'stream'::regclass"
        )
        return bool(waiting == count)

    await until(all_wait, f"{count} commands wait")
    return holder, tasks


async def test_beyond_the_most_requests_at_once_the_next_may_come_back_later(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_HTTP_REQUESTS_MAX="3")
        await toy.ready()
        holder, tasks = await stuck(toy, 3)

        refused = await toy.post("/v1/counts", counter_id="one-too-many")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["type"] == "urn:lutong:problem:overloaded"
        alive = await toy.get("/livez")
        metrics = await toy.get("/metrics")
        assert alive is not None
        assert alive.status_code == 200
        assert metrics is not None
        assert "lutong_http_refused_total 1.0" in metrics.text
        assert "lutong_http_failed_total 1.0" in metrics.text

        await holder.close()
        assert [answer.status_code for answer in await asyncio.gather(*tasks)] == [201] * 3
        assert (await toy.post("/v1/counts", counter_id="later")).status_code == 201


async def test_commands_taken_while_kafka_is_away_are_published_in_order_afterwards(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        real, toy.bootstrap = toy.bootstrap, "127.0.0.1:1"
        toy.start(LUTONG_RETRY_DELAY_MAX_S="0.2")

        async def answers() -> bool:
            found = await toy.get("/v1/counts/c")
            return found is not None and found.status_code == 200

        await until(answers, "it answers without Kafka")
        for place in range(50):
            assert (await toy.post("/v1/counts", counter_id="c", place=place)).status_code == 201
        rows = await toy.rows("SELECT count(*) AS waiting FROM pending")
        assert rows[0]["waiting"] == 50
        toy.stop()
        toy.bootstrap = real
        toy.start()

        async def counted() -> bool:
            return await toy.totals() == {"c": 50}

        await until(counted, "what waited is published and counted")
        assert (await toy.rows("SELECT places FROM counter"))[0]["places"] == list(range(50))
