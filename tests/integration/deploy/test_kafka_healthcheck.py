"""What the container of a broker asks it, on a broker that answers and on what is none."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lutong_local.ports import free_port
from tests.conftest import Infrastructure

SCRIPT: Final = Path(__file__).parents[3] / "deploy" / "kafka" / "healthcheck.sh"


def is_healthy(port: int | str) -> bool:
    return subprocess.run([SCRIPT, str(port)], capture_output=True, check=False, timeout=10).returncode == 0


async def healthy_where(answers: Callable[[bytes], bytes]) -> bool:
    """Whether something that answers a request in this way is taken for a broker."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answers(await reader.readexactly(14)))
        await reader.read()  # until the other side goes away
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        return await asyncio.to_thread(is_healthy, server.sockets[0].getsockname()[1])


def test_a_broker_that_answers_is_healthy(infrastructure: Infrastructure) -> None:
    assert is_healthy(infrastructure.kafka_bootstrap.rpartition(":")[2])


def test_a_port_at_which_nothing_listens_is_not() -> None:
    assert not is_healthy(free_port())


async def test_a_broker_that_hangs_is_not() -> None:
    assert not await healthy_where(lambda _: b"")


async def test_an_answer_with_an_error_or_to_another_request_is_not() -> None:
    assert not await healthy_where(lambda _: b"\x00\x00\x00\x06\x00\x00\x00\x01\x00\x23")
    assert not await healthy_where(lambda _: b"\x00\x00\x00\x06\x00\x00\x00\x02\x00\x00")
    assert await healthy_where(lambda _: b"\x00\x00\x00\x06\x00\x00\x00\x01\x00\x00")  # the control
