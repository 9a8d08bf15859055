"""A registry that starts empty, long after everything was said, knows all entities from their topics alone."""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from lutong_chassis import topics
from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.testing import create_database
from lutong_contracts import TOPICS, Event
from lutong_contracts.feed import AccountChanged
from lutong_contracts.inventory import LocationChanged, LocationOpened
from lutong_contracts.membership import PlanClosed, PlanPublished
from lutong_contracts.registry import MerchantChanged, MerchantRegistered
from lutong_contracts.topics import ACCOUNTS, LOCATIONS, MERCHANTS, PLANS
from lutong_contracts.values import Money, Place
from lutong_local.forkserver import fork, run_service
from lutong_local.ports import free_port
from lutong_local.stack import infrastructure as local_infrastructure
from tests.conftest import Infrastructure
from tests.support.harness import a_record, feed, read_topic, until

_ENTITIES = 40
_KNOWN = (MERCHANTS, ACCOUNTS, LOCATIONS, PLANS)
_CHANGES = 5

pytestmark = pytest.mark.timeout(300)
_QUICKLY = {"segment.ms": "100", "min.cleanable.dirty.ratio": "0.01", "max.compaction.lag.ms": "100"}


@pytest.fixture(scope="module")
def kafka_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Infrastructure]:
    """Topics of the contracts with settings that make a week pass within seconds: nobody else's may be changed."""
    with local_infrastructure(tmp_path_factory.mktemp("stack")) as local:
        yield Infrastructure(local.kafka_bootstrap, local.admin_url)


def let_a_week_pass(bootstrap: str) -> None:
    """Have Kafka compact at once what it would compact within a week."""
    client = AdminClient({"bootstrap.servers": bootstrap})
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in _QUICKLY.items()
    ]
    wanted = [ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries) for topic in _KNOWN]
    for answer in client.incremental_alter_configs(wanted).values():
        answer.result()


def entities() -> list[Event]:
    """Each entity, and each of its changes."""
    merchants: list[Event] = [
        MerchantRegistered(merchant_id=f"m-{n}", title=f"Merchant {n}", revision=1) for n in range(_ENTITIES)
    ]
    for change in range(2, _CHANGES):
        merchants += [
            MerchantChanged(merchant_id=f"m-{n}", title=f"Merchant {n}.{change}", revision=change)
            for n in range(_ENTITIES)
        ]
    accounts: list[Event] = [
        AccountChanged(account_id=f"a-{n}", kind="enterprise", merchant_id=f"m-{n}", revision=change)
        for change in range(1, _CHANGES)
        for n in range(_ENTITIES)
    ]
    return (
        merchants
        + accounts
        + [_place(n, change) for change in range(1, _CHANGES) for n in range(_ENTITIES)]
        + [_plan(n, change) for change in range(1, _CHANGES) for n in range(_ENTITIES)]
    )


def _place(n: int, change: int) -> Event:
    event = LocationOpened if change == 1 else LocationChanged
    return event(
        revision=change, merchant_id=f"m-{n}", location_id="001", kind="store", state="open", zone="Asia/Shanghai",
        place=Place(latitude=31 + change / 10, longitude=121), modes=("delivery",),
    )  # fmt: skip


def _plan(n: int, change: int) -> Event:
    """The last word of every second plan is that it is closed."""
    event = PlanClosed if change == _CHANGES - 1 and n % 2 else PlanPublished
    limit, cap = (Money(amount_minor=amount, currency="CNY") for amount in (300_000, 5_000))
    return event(
        revision=change, plan_id=f"p-{n}", merchant_id=f"m-{n}", version=change, title="轻会员", line_limit=limit,
        charge_cap=cap, discount_percent=5,
    )  # fmt: skip


async def publish(bootstrap: str, events: Sequence[Event]) -> None:
    """Publish events to their topics."""
    for topic in {event.topic for event in events}:
        await feed(bootstrap, topic.name, [a_record(event) for event in events if event.topic == topic])


async def compacted(bootstrap: str) -> bool:
    """Whether Kafka has forgotten what was replaced; it looks only at segments that were closed by a later record."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for topic in _KNOWN:
            for partition in range(topic.partitions):
                await producer.send(topic.name, b"{}", key=b"closes-a-segment", partition=partition)
        await producer.flush()
    finally:
        await producer.stop()
    left = [await read_topic(bootstrap, topic.name) for topic in _KNOWN]
    return all(len([r for r in records if r.key != b"closes-a-segment"]) == _ENTITIES for records in left)


@asynccontextmanager
async def a_registry(own: Infrastructure, directory: Path) -> AsyncIterator["asyncpg.Pool[asyncpg.Record]"]:
    """The registry on an empty database, as a process."""
    url = await create_database(own.admin_url, "registry_a_week_later")
    variables = {
        "LUTONG_DATABASE_URL": url,
        "LUTONG_KAFKA_BOOTSTRAP": own.kafka_bootstrap,
        "LUTONG_HTTP_PORT": str(free_port()),
        "LUTONG_AUTH": "off",
    }
    process = fork(
        run_service, "lutong_registry.app", environment=os.environ | variables, log=directory / "registry.log"
    )
    try:
        async with asyncpg.create_pool(url, min_size=0, max_size=1, statement_cache_size=0) as pool:
            yield pool
    finally:
        process.terminate()
        process.join(30)


async def test_an_empty_registry_knows_everybody_from_compacted_topics(
    kafka_of_its_own: Infrastructure, tmp_path: Path
) -> None:
    own = kafka_of_its_own
    await topics.apply(KafkaAccess(own.kafka_bootstrap), TOPICS)
    let_a_week_pass(own.kafka_bootstrap)
    await publish(own.kafka_bootstrap, entities())

    async def a_week_is_over() -> bool:
        return await compacted(own.kafka_bootstrap)

    await until(a_week_is_over, "Kafka kept the last event of each entity alone", deadline_s=120)
    async with a_registry(own, tmp_path) as pool:

        async def everybody_is_known() -> bool:
            try:
                merchants = await pool.fetchval("SELECT count(*) FROM merchant WHERE name LIKE '%.4' AND revision = 4")
                accounts = await pool.fetchval("SELECT count(*) FROM account WHERE revision = 4")
                places = await pool.fetchval("SELECT count(*) FROM place WHERE latitude = 31.4 AND revision = 4")
                plans = await pool.fetchval("SELECT count(*) FROM plan WHERE open AND revision = 4")
            except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):  # it has not migrated yet
                return False
            return bool((merchants, accounts, places, plans) == (*[_ENTITIES] * 3, _ENTITIES / 2))

        await until(everybody_is_known, f"everybody is known; see {tmp_path / 'registry.log'}", deadline_s=90)
