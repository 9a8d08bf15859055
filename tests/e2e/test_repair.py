"""A broker that lost what it had acknowledged is made whole from the outboxes."""

import asyncio
import json
import signal

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import Scenario
from lutong_console.targets import Suite
from lutong_local.stack import Stack, start_service, stop_service, wait_until_ready
from tests.support.command_line import Lutong
from tests.support.harness import until
from tests.support.looks import collect, judged_by


async def lose(bootstrap: str, topic: str) -> int:
    """Delete every record of a topic; gives how many there were."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap)
    await consumer.start()
    ends: dict[TopicPartition, int] = await consumer.end_offsets(list(consumer.assignment()))
    await consumer.stop()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_records(
            {partition: RecordsToDelete(before_offset=end) for partition, end in ends.items() if end}
        )
    finally:
        await admin.close()
    return sum(ends.values())


@pytest.mark.timeout(120)
async def test_republish_brings_back_what_the_broker_lost_and_changes_nothing_else(
    target: Suite, scenarios: dict[str, Scenario], lutong: Lutong
) -> None:
    await ROADS[1].walk(scenarios["b"])
    assert await lose(target.kafka.bootstrap, "lutong.inventory.orders") > 0
    world = await collect(target, {})
    assert {violation.identity for violation in judged_by("V1", world)} == {"V1"}
    before = json.dumps([world.rows("membership", "line"), world.rows("inventory", "shelf")], default=str)

    done = lutong("republish", "--since", "1d", "--service", "inventory", "--reason", "power cut", "--json")
    assert json.loads(done.stdout)["inventory"] > 0

    async def whole() -> bool:
        return not list(judged_by("V1", await collect(target, {})))

    await until(whole, "the log is whole again")
    again = await collect(target, {})
    assert json.dumps([again.rows("membership", "line"), again.rows("inventory", "shelf")], default=str) == before


@pytest.mark.timeout(120)
async def test_the_doctor_finds_what_retention_passed_and_republish_mends_it(
    stack: Stack, target: Suite, scenarios: dict[str, Scenario], lutong: Lutong
) -> None:
    async def lost() -> bool:
        await lose(target.kafka.bootstrap, "lutong.feed.engagements")
        return "membership missed events" in lutong("doctor").stdout

    async def well() -> bool:
        return lutong("doctor", "--json").stdout == "[]\n"

    await until(well, "the doctor finds nothing")
    scenario = scenarios["c"]
    await scenario.publish("watsons", "面膜，先享后付", "demo-watsons")
    await scenario.tap()
    await asyncio.to_thread(stop_service, stack, "membership", signal.SIGKILL)
    try:
        await scenario.order("mask", 1)
        await until(lost, "the doctor finds what is missed")
        assert "membership: its process has ended" in lutong("doctor").stdout
    finally:
        start_service(stack, "membership", dies_with_parent=True)
        await asyncio.to_thread(wait_until_ready, stack, ("membership",), lambda _: None)

    assert lutong("republish", "--since", "1d", "--service", "feed", "--reason", "retention passed it").returncode == 0
    await scenario.until("OrderSourced")
    await until(well, "the doctor finds nothing any more")
