"""What containers ask whether their service is well: it must know a dead consumer from an idle one."""

import asyncio
import subprocess
import sys
from pathlib import Path

from lutong_chassis import topics
from lutong_chassis.consumer import Consumer
from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.processing import Processor
from lutong_chassis.subscriber import KafkaSubscriber
from lutong_chassis.testing import settings_for
from lutong_chassis.watchdog import Watchdog
from lutong_contracts import Topic
from lutong_local.ports import free_port
from tests.conftest import Infrastructure
from tests.integration.chassis import toy as toy_service
from tests.integration.chassis.toy import STUCK_PLACE, Counted
from tests.integration.conftest import PoolOf
from tests.support.harness import a_record, a_toy, feed, until

HEALTHCHECK = Path(__file__).parents[3] / "deploy" / "healthcheck.py"


def healthcheck(port: int) -> tuple[int, str]:
    """Exit code and complaint, run as a container does."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(HEALTHCHECK)],
        env={"LUTONG_HTTP_PORT": str(port)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.returncode, done.stderr.strip()


async def test_a_service_is_well_until_its_consumer_hangs(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        assert healthcheck(toy.port) == (1, "/livez does not answer: ConnectionRefusedError")
        toy.start(LUTONG_STALL_TIMEOUT_S="3")
        await toy.ready()
        assert healthcheck(toy.port) == (0, "")
        await feed(
            toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a", place=STUCK_PLACE)) for _ in range(2)]
        )

        async def complains() -> bool:
            code, why = await asyncio.to_thread(healthcheck, toy.port)
            return code == 1 and "no progress for" in why

        await until(complains, "the healthcheck says that nothing moves")


async def test_a_service_without_kafka_is_not_well(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_KAFKA_BOOTSTRAP=f"127.0.0.1:{free_port()}")

        async def complains() -> bool:
            return await asyncio.to_thread(healthcheck, toy.port) == (1, "/readyz: no broker, assignment")

        await until(complains, "the healthcheck says what is missing")


async def test_a_loop_that_ended_is_noticed_though_nothing_waits(
    infrastructure: Infrastructure, pool_of: PoolOf
) -> None:
    """Without lag nothing stands still: only the heartbeat can tell that nobody is there."""
    kafka = KafkaAccess(infrastructure.kafka_bootstrap)
    topic = Topic(f"lutong.toy.consumed-{free_port()}", key="counter", partitions=1)
    await topics.apply(kafka, [topic])
    settings = settings_for("postgresql://unused", kafka_bootstrap=kafka.bootstrap, stall_timeout_s=3.0)
    consumer = Consumer(
        Processor(await pool_of(toy_service.service), toy_service.handlers, after_commit=lambda: None), 1.0
    )
    subscriber = KafkaSubscriber(f"lutong-toy-{free_port()}", [topic], consumer, settings)
    watchdog = Watchdog(subscriber, settings)
    looking = asyncio.create_task(watchdog.run())

    async def looked_for(silence_s: float) -> bool:
        return watchdog.broker_answers and subscriber.has_assignment and subscriber.silent_s < silence_s

    async def stalled() -> bool:
        return "nobody asked Kafka" in (watchdog.stalled or "")

    try:
        await subscriber.start()
        await until(lambda: looked_for(2.0), "the loop comes round")
        assert watchdog.stalled is None
        assert subscriber._subscriber is not None
        for task in subscriber._subscriber.tasks:
            task.cancel()
        await until(stalled, "the loop is missed")
    finally:
        looking.cancel()
        await subscriber.stop()
        await asyncio.gather(looking, return_exceptions=True)


async def test_a_watchdog_that_ended_is_missed(infrastructure: Infrastructure) -> None:
    settings = settings_for("postgresql://unused", kafka_bootstrap=infrastructure.kafka_bootstrap)
    watchdog = Watchdog(KafkaSubscriber("unused", [], None, settings), settings)  # type: ignore[arg-type]  # it has no loop
    assert watchdog.stalled is None
    watchdog._looked_at -= 100
    assert "nobody looked at the consumer for 100 s" in (watchdog.stalled or "")
