"""A broker that takes connections before its cluster has members, or coordinators: an admin client waits for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, NodeNotReadyError
from aiokafka.protocol.admin import ApiVersionResponse_v0
from aiokafka.protocol.commit import OffsetFetchResponse_v2
from aiokafka.protocol.coordination import FindCoordinatorResponse_v0
from aiokafka.protocol.metadata import MetadataResponse_v1

from lutong_chassis import topics
from lutong_chassis.kafka import KafkaAccess

_METADATA, _OFFSETS, _COORDINATOR, _VERSIONS = 3, 9, 10, 18
_NO_COORDINATOR = GroupCoordinatorNotAvailableError.errno


class StartingBroker:
    """Speaks just enough of Kafka to be asked for topics and offsets; it names itself, and then a coordinator, after so many answers."""

    def __init__(self, named_after: int, coordinates_after: int = 0) -> None:
        self.named_after, self.coordinates_after = named_after, coordinates_after
        self.answers = self.refusals = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests of one connection until it ends."""
        try:
            while True:
                request = await reader.readexactly(int.from_bytes(await reader.readexactly(4)))
                kind = int.from_bytes(request[:2])
                answers = {_VERSIONS: self._versions, _COORDINATOR: self._coordinator, _OFFSETS: self._offsets}
                answer = request[4:8] + answers.get(kind, self._metadata)()
                writer.write(len(answer).to_bytes(4) + answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _versions(self) -> bytes:
        known = [(_METADATA, 0, 1), (_OFFSETS, 2, 2), (_COORDINATOR, 0, 0), (_VERSIONS, 0, 0)]
        return bytes(ApiVersionResponse_v0(0, known).encode())

    def _coordinator(self) -> bytes:
        if self.refusals < self.coordinates_after:
            self.refusals += 1
            return bytes(FindCoordinatorResponse_v0(_NO_COORDINATOR, -1, "", -1).encode())
        return bytes(FindCoordinatorResponse_v0(0, 1, "127.0.0.1", self.port).encode())

    def _offsets(self) -> bytes:
        return bytes(OffsetFetchResponse_v2([("lutong.feed.posts", [(0, 7, "", 0)])], 0).encode())

    def _metadata(self) -> bytes:
        self.answers += 1
        brokers = [(1, "127.0.0.1", self.port, None)] if self.answers > self.named_after else []
        return bytes(MetadataResponse_v1(brokers, 1, []).encode())


@asynccontextmanager
async def starting(named_after: int, coordinates_after: int = 0) -> AsyncIterator[tuple[StartingBroker, KafkaAccess]]:
    """A broker on a free port of loopback."""
    broker = StartingBroker(named_after, coordinates_after)
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    async with server:
        broker.port = server.sockets[0].getsockname()[1]
        yield broker, KafkaAccess(f"127.0.0.1:{broker.port}")


async def test_a_cluster_without_members_is_waited_for() -> None:
    async with starting(named_after=3) as (broker, kafka), topics.admin(kafka) as client:
        assert await client.list_topics() == []
        assert broker.answers > broker.named_after


async def test_without_waiting_the_client_refuses() -> None:
    async with starting(named_after=3) as (_, kafka):
        client = AIOKafkaAdminClient(**kafka.client)
        await client.start()
        with pytest.raises(NodeNotReadyError):
            await client.list_topics()
        await client.close()


async def test_a_cluster_that_never_has_members_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_MEMBERS_TIMEOUT_S", 0.3)
    async with starting(named_after=1_000) as (_, kafka):
        with pytest.raises(TimeoutError):
            async with topics.admin(kafka):
                pass


async def test_a_cluster_without_coordinators_is_waited_for() -> None:
    async with starting(0, coordinates_after=3) as (broker, kafka), topics.admin(kafka) as client:
        reached = await topics.committed(client, "lutong-feed")
        assert {partition: at.offset for partition, at in reached.items()} == {("lutong.feed.posts", 0): 7}
        assert broker.refusals == broker.coordinates_after


async def test_without_waiting_a_group_is_not_found() -> None:
    async with starting(0, coordinates_after=3) as (_, kafka), topics.admin(kafka) as client:
        with pytest.raises(GroupCoordinatorNotAvailableError):
            await client.list_consumer_group_offsets("lutong-feed")


async def test_a_cluster_that_never_has_coordinators_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with starting(0, coordinates_after=1_000) as (_, kafka), topics.admin(kafka) as client:
        monkeypatch.setattr(topics, "_MEMBERS_TIMEOUT_S", 0.3)
        with pytest.raises(GroupCoordinatorNotAvailableError):
            await topics.committed(client, "lutong-feed")
