"""What a database does to a service that is innocent: it cuts connections, or takes no writes for a while."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from tests.support.harness import Toy

_SSL_REQUEST: Final = 80877103


async def cut(url: str) -> int:
    """Have the server end every connection of the suite to a database; gives how many there were."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            """
            SELECT pg_terminate_backend(pid)
              FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'lutong'
            """
        )
        return len(rows)
    finally:
        await connection.close()


async def read_only(url: str, *, on: bool) -> None:
    """Let a database take no writes, as a replica does; or take them again. Who is connected stays as they are."""
    connection = await asyncpg.connect(url)
    name = urlsplit(url).path[1:]
    try:
        await connection.execute("SET default_transaction_read_only = off")
        change = "SET default_transaction_read_only = on" if on else "RESET default_transaction_read_only"
        await connection.execute(f'ALTER DATABASE "{name}" {change}')
    finally:
        await connection.close()


def connections_to(pid: int, port: int) -> int:
    """How many TCP connections a process has open to a port of this machine."""
    mine = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            mine.add(file.readlink().name)
    lines = Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    open_ = [line.split() for line in lines]
    return sum(int(e[2].split(":")[1], 16) == port and e[3] == "01" and f"socket:[{e[9]}]" in mine for e in open_)


@asynccontextmanager
async def a_pooler_that_refuses_parameters() -> AsyncIterator[int]:
    """PgBouncer as it comes: what it does not track, it does not take. Gives its port."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await _startup(reader, writer)
            refusal = "unsupported startup parameter: idle_in_transaction_session_timeout"
            fields = b"".join(k + v.encode() + b"\0" for k, v in ((b"S", "FATAL"), (b"C", "08P01"), (b"M", refusal)))
            writer.write(b"E" + struct.pack("!i", len(fields) + 5) + fields + b"\0")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def a_pooler_that_lends_sessions(toy: Toy) -> AsyncIterator[int]:
    """A pooler that takes everything: only the process id that it tells is its own. Gives its port."""
    there = urlsplit(toy.database_url)
    carrying: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await _startup(reader, writer)
            back_reader, back = await asyncio.open_connection(there.hostname, there.port)
            back.write(head)
            carrying.add(asyncio.create_task(_carry(reader, back)))
            kind = b""
            while kind != b"Z":
                kind, size = await back_reader.readexactly(1), await back_reader.readexactly(4)
                body = await back_reader.readexactly(struct.unpack("!i", size)[0] - 4)
                writer.write(kind + size + (b"\0\0\0\1" + body[4:] if kind == b"K" else body))
            await _carry(back_reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The startup message, after TLS was declined."""
    while True:
        size = await reader.readexactly(4)
        body = await reader.readexactly(struct.unpack("!i", size)[0] - 4)
        if struct.unpack("!i", body[:4])[0] != _SSL_REQUEST:
            return size + body
        writer.write(b"N")


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
