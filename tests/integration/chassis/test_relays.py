"""Relays of one database share its queue: evenly, each key with one of them, and what a dead one owned is taken over."""

import asyncio
from pathlib import Path

from lutong_chassis import database
from lutong_chassis.outbox import SHARDS
from lutong_chassis.relay import Relay
from lutong_chassis.testing import settings_for
from tests.conftest import Infrastructure
from tests.integration.chassis.test_crashes import first_occurrences
from tests.integration.chassis.test_outbox_gate import an_outbox, committed, write_events
from tests.support.harness import read_topic, until


def shared_by(relays: list[Relay]) -> list[int]:
    """How many shards each relay carries, when every shard is carried by exactly one."""
    owned = [shard for relay in relays for shard in relay.shards]
    return sorted(len(relay.shards) for relay in relays) if sorted(owned) == list(range(SHARDS)) else []


async def test_relays_share_the_queue_survive_a_death_and_keep_keys_in_order(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with an_outbox(infrastructure, tmp_path) as (toy_service, pool):
        settings = settings_for(toy_service.database_url, kafka_bootstrap=toy_service.bootstrap)
        pools = [await database.connect(settings) for _ in range(3)]
        relays = [Relay(pool, settings, "/test") for pool in pools]
        tasks = [asyncio.create_task(relays[0].run())]

        async def alone() -> bool:
            return shared_by(relays[:1]) == [SHARDS]

        async def three() -> bool:
            return shared_by(relays) == [4, 6, 6]

        async def two() -> bool:
            return shared_by(relays[1:]) == [8, 8]

        async def drained() -> bool:
            return await pool.fetchval("SELECT NOT EXISTS (SELECT FROM pending)") is True

        writing = asyncio.create_task(write_events(pool, toy_service.published, 4_000, seed=5))
        try:
            await until(alone, "the only relay carries everything")
            tasks += [asyncio.create_task(relay.run()) for relay in relays[1:]]
            await until(three, "three relays share")
            tasks[0].cancel()
            await pools[0].close()
            await until(two, "two relays have taken over")
            await writing
            await until(drained, "everything is published")
        finally:
            for task in [*tasks, writing]:
                task.cancel()
            await asyncio.gather(*tasks, writing, return_exceptions=True)
            for pool_of_one in pools:
                await pool_of_one.close()

        published = first_occurrences(await read_topic(toy_service.bootstrap, toy_service.published))
        assert {key: [event_id for event_id, _ in events] for key, events in published.items()} == await committed(pool)
