"""Connections whose other end knows nothing of them any more: no answer comes on them, and no end either."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from aiokafka.conn import create_conn

from lutong_chassis.kafka import KafkaAccess
from tests.conftest import Infrastructure
from tests.integration.chassis import toy as toy_service
from tests.integration.conftest import PoolOf
from tests.support.harness import a_toy, until

STATEMENT_TIMEOUT_S = "1"
NOTICED_WITHIN_S = 60


class Forgetful:
    """A way to PostgreSQL that can forget the connections it carries: they stay open, and nothing passes. New ones work."""

    def __init__(self, host: str, port: int) -> None:
        self.there = host, port
        self.carries = asyncio.Event()
        self.carried = 0
        self.open: set[asyncio.StreamWriter] = set()

    def end(self) -> None:
        """Close everything."""
        for writer in self.open:
            writer.transport.abort()

    def forget(self) -> int:
        """Let nothing pass any more on what is open now; gives how many connections that are."""
        self.carries.set()
        self.carries = asyncio.Event()
        forgotten, self.carried = self.carried, 0
        return forgotten

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        forgotten = self.carries
        self.carried += 1
        there, back = await asyncio.open_connection(*self.there)
        self.open |= {writer, back}
        await asyncio.gather(_carry(reader, back, forgotten), _carry(there, writer, forgotten))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, forgotten: asyncio.Event) -> None:
    with suppress(OSError):
        while (data := await reader.read(65_536)) and not forgotten.is_set():
            writer.write(data)
            await writer.drain()
    if not forgotten.is_set():
        writer.close()


@asynccontextmanager
async def forgetful(url: str) -> AsyncIterator[tuple[Forgetful, str]]:
    """Such a way to a database, and its URL by it."""
    there = urlsplit(url)
    way = Forgetful(str(there.hostname), int(there.port or 5432))
    server = await asyncio.start_server(way.connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield way, urlunsplit(there._replace(netloc=f"{there.netloc.rpartition('@')[0]}@127.0.0.1:{port}"))
    finally:
        server.close()
        way.end()
        await server.wait_closed()


async def test_commands_and_queries_are_answered_after_connections_went_nowhere(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy, forgetful(toy.database_url) as (way, url):
        toy.start(LUTONG_DATABASE_URL=url, LUTONG_STATEMENT_TIMEOUT_S=STATEMENT_TIMEOUT_S)
        await toy.ready()
        await asyncio.gather(*(toy.post("/v1/counts", counter_id=f"warm-{n}") for n in range(20)))
        assert way.forget() >= 2

        async def answers() -> bool:
            with suppress(Exception):
                return (await toy.post("/v1/counts", counter_id="after")).status_code == 201
            return False

        await until(answers, "a command is answered on a new connection")
        await toy.ready()
        toy.stop(signal.SIGKILL)


async def test_a_server_ends_sessions_of_clients_that_are_gone(pool_of: PoolOf) -> None:
    """A session has the relay's locks: no other relay carries its shards until it ends. The drill `half-open-postgres` shows it."""
    pool = await pool_of(toy_service.service)
    row = await pool.fetchrow(
        """
        SELECT current_setting('tcp_keepalives_idle')::integer AS idle, current_setting('tcp_keepalives_count')::integer AS count,
               current_setting('tcp_keepalives_interval')::integer AS interval
        """
    )
    assert row
    assert 0 < row["idle"] + row["interval"] * row["count"] <= NOTICED_WITHIN_S


async def test_the_kernel_looks_after_connections_to_kafka(infrastructure: Infrastructure) -> None:
    kafka = KafkaAccess(infrastructure.kafka_bootstrap)
    assert kafka.client  # as every client of ours is made
    host, _, port = infrastructure.kafka_bootstrap.partition(":")
    connection = await create_conn(host, int(port))
    try:
        there = connection._writer.get_extra_info("socket")
        assert there.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert there.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
    finally:
        connection.close()
