"""Every principal tries everything on every topic, on a broker that runs the deployed configuration."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import count

import pytest
from aiokafka import AIOKafkaClient, AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    AuthenticationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest
from pydantic import SecretStr

from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.noticing import partition_of
from lutong_console import credentials
from lutong_console.cli.commands import acl
from lutong_console.cli.commands.acl import Changes, Rule
from lutong_contracts import TOPICS
from lutong_contracts.topics import SERVICES
from tests.support.acl_stack import AclStack

NAMES = [topic.name for topic in TOPICS]
TOOLS = ("lutong-console", "lutong-verifier", "lutong-topics")
READS = {  # written down by hand, so that the generated rules are said a second time
    "lutong-feed": {
        "feed.posts",
        "feed.engagements",
        "feed.interactions",
        "feed.timelines",
        "feed.promotions",
        "registry.programs",
        "registry.grants",
        "registry.hosts",
        "registry.traffic",
        "registry.discoveries",
        "membership.agreements",
        "membership.bindings",
        "membership.holds",
        "membership.plans",
        "inventory.locations",
        "inventory.orders",
        "inventory.stock",
    },
    "lutong-registry": {
        "feed.posts",
        "feed.engagements",
        "feed.accounts",
        "feed.follows",
        "feed.promotions",
        "registry.merchants",
        "registry.grants",
        "registry.hosts",
        "registry.programs",
        "registry.pushes",
        "registry.traffic",
        "membership.plans",
        "inventory.locations",
        "inventory.orders",
    },
    "lutong-membership": {
        "feed.engagements",
        "feed.exposures",
        "inventory.orders",
        "membership.agreements",
        "membership.coupons",
        "membership.holds",
        "membership.repayments",
        "registry.grants",
    },
    "lutong-inventory": {"feed.engagements", "membership.holds", "inventory.orders", "inventory.slots"},
}
Try = tuple[str, str, str]
"""A principal, an operation, and what it is tried on."""


def allowed() -> set[Try]:
    """What each principal may do, and nothing else."""
    found = {(who, "read", f"lutong.{name}") for who, names in READS.items() for name in names}
    found |= {(who, "write", name) for who in READS for name in NAMES if name.startswith(who.replace("-", ".") + ".")}
    found |= {(who, "commit", who) for who in READS}
    found |= {(who, "read", name) for who in ("lutong-console", "lutong-verifier") for name in NAMES}
    return found | {("lutong-topics", "create", name) for name in NAMES}


@pytest.fixture(scope="module")
def ruled(broker: AclStack) -> AclStack:
    """The broker after the jobs `acl` and `topics` have run, with a record on every topic."""
    assert broker.acl("apply").returncode == 0
    done = broker.lutong("lutong-topics", "topics", "apply")
    assert done.returncode == 0, done.stderr
    assert "cannot be looked at" not in done.stderr
    asyncio.run(write_everywhere(broker.kafka_as("admin")))
    return broker


async def write_everywhere(kafka: KafkaAccess) -> None:
    async with a_producer(kafka) as producer:
        for name in NAMES:
            await producer.send_and_wait(name, b"x", key=a_key(name, 0), partition=0)


def a_key(topic: str, partition: int) -> bytes:
    """A key that belongs into a partition: compacted topics refuse records without one, and the verifier misplaced ones."""
    partitions = next(each.partitions for each in TOPICS if each.name == topic)
    return next(key for n in count() if partition_of(key := b"key-%d" % n, partitions) == partition)


@asynccontextmanager
async def a_producer(kafka: KafkaAccess) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(**kafka.client, acks="all")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def a_reader(kafka: KafkaAccess, topic: str, group: str | None = None) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(**kafka.client, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        yield consumer
    finally:
        await consumer.stop()


async def is_allowed(attempt: Awaitable[object]) -> bool:
    """Whether the broker did as it was asked; anything but a denial is a failure of the test."""
    try:
        await asyncio.wait_for(attempt, 20)
    except (TopicAuthorizationFailedError, GroupAuthorizationFailedError):
        return False
    except TopicAlreadyExistsError:
        return True  # it would have been made
    return True


async def read(kafka: KafkaAccess, topic: str) -> None:
    """Ask for the records of a partition, bare: consumers hide a denial, and go on asking."""
    client = AIOKafkaClient(**kafka.client)
    await client.bootstrap()
    try:
        broker = min(broker.nodeId for broker in client.cluster.brokers())
        answer = await client.send(
            broker, FetchRequest(100, 1, 1_000_000, 0, [(topic, [(0, 0, 1_000_000)])], rack_id="")
        )
    finally:
        await client.close()
    raise_for(answer.topics[0][1][0][1])


async def commit(kafka: KafkaAccess, group: str) -> None:
    """Commit an offset of a group, on a topic that the group's service reads."""
    topic = f"lutong.{min(READS[group])}"
    async with a_reader(kafka, topic, group) as consumer:
        await consumer.commit({TopicPartition(topic, 0): 1})


def raise_for(code: int) -> None:
    if code:
        raise for_code(code)


async def create(client: AIOKafkaAdminClient, topic: str) -> None:
    raise_for((await client.create_topics([NewTopic(topic, 1, 1)])).topic_errors[0][1])


async def delete(client: AIOKafkaAdminClient, topic: str) -> None:
    raise_for((await client.delete_topics([topic])).topic_error_codes[0][1])


async def alter(client: AIOKafkaAdminClient, topic: str) -> None:
    wanted = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": "1"})
    raise_for((await client.alter_configs([wanted]))[0].resources[0][0])


async def all_that(kafka: KafkaAccess, who: str) -> set[Try]:
    """What a principal turns out to be allowed, of everything that there is to try."""
    client = AIOKafkaAdminClient(**kafka.client)
    await client.start()
    try:
        async with a_producer(kafka) as producer:
            tries: dict[Try, Callable[[], Awaitable[object]]] = {}
            for name in NAMES:
                tries[who, "read", name] = partial(read, kafka, name)
                tries[who, "write", name] = partial(
                    producer.send_and_wait, name, b"forged", a_key(name, 1), partition=1
                )
                tries[who, "create", name] = partial(create, client, name)
                tries[who, "alter", name] = partial(alter, client, name)
                tries[who, "delete", name] = partial(delete, client, name)
            for group in READS:
                tries[who, "commit", group] = partial(commit, kafka, group)
            return {what for what, attempt in tries.items() if await is_allowed(attempt())}
    finally:
        await client.close()


@pytest.mark.timeout(300)
async def test_every_principal_may_do_what_is_declared_and_nothing_else(ruled: AclStack) -> None:
    found = await asyncio.gather(*(all_that(ruled.kafka_as(who), who) for who in (*READS, *TOOLS)))
    assert set().union(*found) == allowed()


async def test_a_forged_event_is_refused_and_nothing_arrives(ruled: AclStack) -> None:
    async def ends() -> list[int]:
        async with a_reader(ruled.kafka_as("lutong-verifier"), "lutong.inventory.orders") as reader:
            places = [TopicPartition("lutong.inventory.orders", number) for number in range(12)]
            return list((await reader.end_offsets(places)).values())

    before = await ends()
    async with a_producer(ruled.kafka_as("lutong-membership")) as producer:
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait("lutong.inventory.orders", b"{}", key=b"order")
    assert await ends() == before


@pytest.mark.parametrize(
    ("who", "password"), [("lutong-feed", "wrong"), ("nobody", "wrong"), ("broker", ""), ("lutong-feed", None)]
)
async def test_nobody_comes_in_without_saying_who_they_are(ruled: AclStack, who: str, password: str | None) -> None:
    right = ruled.kafka_as("lutong-registry")
    wrong = replace(right, username=who, password=SecretStr(password or "-"))
    if password is None:
        wrong = KafkaAccess(right.bootstrap)
    consumer = AIOKafkaConsumer(**wrong.client, request_timeout_ms=3000)
    with pytest.raises((AuthenticationFailedError, KafkaConnectionError)):
        await consumer.start()
    await consumer.stop()


async def test_a_name_without_rules_may_do_nothing(ruled: AclStack) -> None:
    client = acl.administrator(ruled.kafka_as("admin"))
    acl.set_passwords(client, {"stranger": "a-password"})
    kafka = replace(ruled.kafka_as("admin"), username="stranger", password=SecretStr("a-password"))
    assert await all_that(kafka, "stranger") == set()


def test_rules_come_back_to_what_the_contracts_require(ruled: AclStack) -> None:
    def plan() -> tuple[int, dict[str, list[object]]]:
        done = ruled.acl("plan", "--json")
        return done.returncode, json.loads(done.stdout)

    nothing: dict[str, list[object]] = {"add": [], "remove": [], "users": []}
    assert plan() == (0, nothing)
    client = acl.administrator(ruled.kafka_as("admin"))
    surplus = Rule("lutong-feed", "WRITE", "TOPIC", "lutong.inventory.orders")
    stranger = Rule("stranger", "READ", "TOPIC", "lutong.feed.posts")
    missing = Rule("lutong-feed", "WRITE", "TOPIC", "lutong.feed.posts")
    acl.change(client, Changes([surplus, stranger], [missing], []))
    rule = {"kind": "topic", "principal": "lutong-feed", "operation": "write"}
    added = [{**rule, "on": "lutong.feed.posts"}]
    removed = [{**rule, "on": "lutong.inventory.orders"}]
    assert plan() == (1, {"add": added, "remove": removed, "users": []})
    assert ruled.acl("apply").returncode == 0
    assert plan() == (0, nothing)
    acl.change(client, Changes([], [stranger], []))


def test_who_may_not_change_rules_is_refused(ruled: AclStack) -> None:
    done = ruled.lutong("lutong-feed", "acl", "plan")
    assert (done.returncode, done.stdout) == (1, "")
    assert "lutong-feed may not change rules" in done.stderr


def test_every_service_has_a_principal_and_every_principal_a_rule() -> None:
    assert {rule.principal for rule in acl.declared()} == set(credentials.PRINCIPALS)
    assert set(READS) == {f"lutong-{service}" for service in SERVICES}
