"""The Kafka transport, on a broker that is away at first, comes back, and goes away again."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer

from lutong_chassis import topics
from lutong_chassis.kafka import KafkaAccess
from lutong_client import AsyncPublisher, PublishError, message
from lutong_client.kafka import AsyncKafkaTransport
from lutong_contracts.topics import POSTS
from lutong_local.ports import free_port
from tests.chaos.proxy import serve
from tests.conftest import Infrastructure
from tests.support.builders import a_post

CMS = "/partner/cms"


@pytest_asyncio.fixture
async def bootstrap(infrastructure: Infrastructure) -> str:
    await topics.apply(KafkaAccess(infrastructure.kafka_bootstrap), [POSTS])
    return infrastructure.kafka_bootstrap


@pytest_asyncio.fixture
async def transport(bootstrap: str) -> AsyncIterator[AsyncKafkaTransport]:
    transport = AsyncKafkaTransport(bootstrap)
    yield transport
    await transport.close()


async def ids_on_the_topic(bootstrap: str, post_id: str, count: int) -> list[str]:
    found: list[str] = []
    async with AIOKafkaConsumer(POSTS.name, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        async with asyncio.timeout(20):
            async for record in consumer:
                if record.key == post_id.encode():
                    found.append(dict(record.headers)["ce_id"].decode())
                if len(found) == count:
                    return found
    return found


async def answers(port: int) -> None:
    """Wait until a port is listened on."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)  # a poll of the port
        else:
            writer.close()
            return


async def test_a_broker_that_was_away_at_first_is_used_later(bootstrap: str) -> None:
    port = free_port()
    transport = AsyncKafkaTransport(f"127.0.0.1:{port}")
    publisher = AsyncPublisher(CMS, transport)
    with pytest.raises(PublishError, match=rf"127\.0\.0\.1:{port} does not answer") as refused:
        await publisher.publish(a_post("away-1"), id="away-1")
    assert refused.value.transient
    back = asyncio.create_task(serve(port, urlsplit(f"//{bootstrap}").port or 0))
    try:
        async with asyncio.timeout(20):
            await answers(port)
        assert (await publisher.publish(a_post("away-1"), id="away-1")).status == "accepted"
        assert await ids_on_the_topic(bootstrap, "away-1", 1) == ["away-1"]
    finally:
        await transport.close()
        back.cancel()
        await asyncio.gather(back, return_exceptions=True)


async def test_an_event_that_the_producer_refuses_spoils_no_later_one(transport: AsyncKafkaTransport) -> None:
    small = AsyncKafkaTransport(transport._servers, max_request_size=600)
    publisher = AsyncPublisher(CMS, small)
    with pytest.raises(PublishError, match=r"MessageSizeTooLargeError.*carry an id") as refused:
        await publisher.publish(a_post("large", text="长" * 1000), id="large")
    assert not refused.value.transient
    assert (await publisher.publish(a_post("small"), id="small")).status == "accepted"
    await small.close()


async def test_many_that_begin_at_once_share_one_connection(transport: AsyncKafkaTransport, bootstrap: str) -> None:
    receipts = await asyncio.gather(*(transport.send([message(a_post("many"), CMS, id=f"m-{n}")]) for n in range(9)))
    assert {receipt.status for [receipt] in receipts} == {"accepted"}
    assert sorted(await ids_on_the_topic(bootstrap, "many", 9)) == [f"m-{n}" for n in range(9)]


async def test_a_transport_that_was_closed_connects_again(transport: AsyncKafkaTransport) -> None:
    for name in ("closed-1", "closed-2"):
        assert [r.status for r in await transport.send([message(a_post(name), CMS, id=name)])] == ["accepted"]
        await transport.close()


async def test_options_that_no_producer_has_are_a_refusal_that_names_the_broker() -> None:
    with pytest.raises(PublishError, match=r"nowhere:9092 cannot be asked .*nonsense") as refused:
        await AsyncKafkaTransport("nowhere:9092", nonsense=True).send([message(a_post(), CMS)])
    assert not refused.value.transient
