"""The verifier is verified: a clean run has no violation, and every planted one is found under its name."""

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from typing import Final, NamedTuple

import httpx
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import RecordsToDelete

from lutong_chassis.topics import admin
from lutong_console.cli.demo.roads import ROADS
from lutong_console.subscriptions import handled_types
from lutong_console.targets import Suite
from lutong_contracts.topics import RETENTION, TOPICS
from lutong_local.stack import Stack, down, up
from tests.attacks.people import People
from tests.e2e.conftest import walking
from tests.e2e.corrupting import where
from tests.e2e.corruptions import CORRUPTIONS
from tests.e2e.lifecycle import live, raise_line
from tests.integration.membership.credit_stub import SIGNING_KEY
from tests.integration.membership.stub import running
from tests.support.harness import until
from tests.support.looks import Look, collect, evaluate, judged_by


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A suite of these tests' own, in which a plan's day lasts a second and a stub of a bank takes charges and payments."""
    directory = tmp_path_factory.mktemp("suite")
    with running(directory) as bank:
        takes = {method: {"decided": {"state": "succeeded", "receipt": "R-1"}} for method in ("POST", "GET")}
        httpx.put(f"{bank}/stub", json=takes, trust_env=False).raise_for_status()
        settings = {"LUTONG_PLAN_DAY_S": "1", "LUTONG_DEDUCTION_URL": bank, "LUTONG_DEDUCTION_TOKEN": "a-token"}
        settings |= {
            "LUTONG_PAYMENT_URL": bank,
            "LUTONG_PAYMENT_TOKEN": "a-token",
            "LUTONG_PAYMENT_SIGNING_KEY": SIGNING_KEY,
        }
        suite = up(directory, lambda _: None, dies_with_parent=True, environment_of=lambda *_: settings)
        try:
            yield suite
        finally:
            down(suite, lambda _: None, purge=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(stack: Stack) -> Look:
    """The suite after all roads and a whole membership, once nothing moves any more. Nobody changes it."""
    target = Suite.of(stack)
    async with walking(target) as scenarios:
        for road in ROADS:
            await road.walk(scenarios[road.letter])
        people = People(scenarios["z"].client, target, stack.signer)
        await live(scenarios["z"], people)
        await raise_line(people, scenarios["b"].viewer)

    async def still() -> Look | None:
        one, other = [await collect(target, handled_types()) for _ in range(2)]
        quiet = not any(other.rows(service, "pending") for service in other.tables)
        return other if one.digest == other.digest and quiet and not evaluate(other) else None

    found: Look = await until(still, "a clean world that stands still")
    return found


@pytest.mark.timeout(300)  # the first test starts a suite, and judges it more than a hundred times
async def test_every_planted_corruption_is_found_under_its_name(world: Look) -> None:
    assert evaluate(world, ["canary-1"]) == []
    assert len(CORRUPTIONS) >= 110
    missed = []
    for identity, what, corrupt in CORRUPTIONS:
        broken = world.copied()
        corrupt(broken)
        if identity not in {violation.identity for violation in judged_by(identity, broken, ["canary-1"])}:
            missed.append(f"{identity}: {what}")
    assert missed == []
    assert evaluate(world, ["canary-1"]) == []  # it was corrupted in copies only


class Answered(NamedTuple):
    """What a client was answered, by default about something that is there, and whether that breaks V8."""

    line: dict[str, str]
    breaks: bool


ANSWERS: Final = [
    Answered({"kind": "post", "outcome": "ok"}, breaks=False),
    Answered({"kind": "post", "outcome": "refused"}, breaks=True),
    Answered({"kind": "post", "outcome": "unknown"}, breaks=False),
    Answered({"kind": "post", "id": "never", "outcome": "ok"}, breaks=True),
    Answered({"kind": "order", "id": "never", "outcome": "ok"}, breaks=True),
    Answered({"kind": "order", "id": "never", "outcome": "refused"}, breaks=False),
    Answered({"kind": "order", "id": "never", "outcome": "unknown"}, breaks=False),
    Answered({"kind": "refund", "outcome": "ok"}, breaks=False),
    Answered({"kind": "refund", "outcome": "refused"}, breaks=True),
    Answered({"kind": "refund", "id": "never", "outcome": "ok"}, breaks=True),
    Answered({"kind": "coupon", "outcome": "ok"}, breaks=False),
    Answered({"kind": "coupon", "id": "never", "outcome": "ok"}, breaks=True),
    Answered({"kind": "quit", "outcome": "ok"}, breaks=False),
    Answered({"kind": "quit", "id": "never", "outcome": "ok"}, breaks=True),
]


def judged(world: Look, line: dict[str, str]) -> set[str]:
    """The identities that one line of a client's history breaks."""
    there = {
        "post": world.rows("feed", "card")[0]["post_id"],
        "refund": where("membership.accrual", kind="refund")(world)["accrual_id"].rpartition(":")[2],
        "coupon": world.rows("membership", "coupon")[0]["coupon_id"],
        "quit": where("membership.agreement", state="settled")(world)["agreement_id"],
    }
    return {violation.identity for violation in evaluate(world, history=[{"id": there.get(line["kind"])} | line])}


async def test_what_clients_were_answered_is_compared_with_what_is_there(world: Look) -> None:
    wrong = [line for line, breaks in ANSWERS if judged(world, line) != ({"V8"} if breaks else set())]
    assert wrong == []


async def test_aged_topics_are_no_violation_and_the_rest_is_checked(stack: Stack, world: Look) -> None:
    """The last of this module: half of what is on the topics is deleted, as retention does after a week."""
    target = Suite.of(stack)
    await drop_half(target, [topic.name for topic in TOPICS if topic.retention == RETENTION and not topic.compacted])
    found = await collect(target, handled_types())
    assert len(found.records) < len(world.records)
    young = {violation.identity for violation in evaluate(found)}
    assert young == {"V1"}, "an event that is gone before its time was lost"

    aged = dataclasses.replace(found, now=found.now + RETENTION + timedelta(days=1))
    assert evaluate(aged) == []
    last = max((r for r in aged.records if r.type == "lutong.inventory.order-fulfilled.v1"), key=lambda r: r.offset)
    lost = dataclasses.replace(aged, records=[record for record in aged.records if record.event_id != last.event_id])
    assert "V2" in {violation.identity for violation in evaluate(lost)}
    forged = dataclasses.replace(aged, records=[*aged.records, dataclasses.replace(last, event_id="never-said")])
    assert {"V1", "V2"} <= {violation.identity for violation in evaluate(forged)}


async def drop_half(target: Suite, topics: list[str]) -> None:
    """Delete the first half of each partition."""
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=target.kafka.bootstrap)
    await consumer.start()
    ends = await consumer.end_offsets(list(consumer.assignment()))
    await consumer.stop()
    async with admin(target.kafka) as client:
        halves = {
            partition: RecordsToDelete(before_offset=(end + 1) // 2) for partition, end in ends.items() if end > 1
        }
        await client.delete_records(halves)
