"""An answer is one write where its head and its body come together, and nothing of it waits where they do not."""

import asyncio

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from lutong_chassis.http import LoadSheddingProtocol
from lutong_chassis.http.one_write import OneWrite


class Written(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def written() -> Written:
    return Written()


async def test_a_head_and_its_body_are_one_write(written: Written) -> None:
    answer = OneWrite(written, asyncio.get_running_loop())
    answer.write(b"head ")
    answer.write(b"body")
    answer.write(b"more")
    await asyncio.sleep(0)
    assert written.writes == [b"head body", b"more"]


async def test_negative_control_without_it_they_are_two(written: Written) -> None:
    written.write(b"head ")
    written.write(b"body")
    assert written.writes == [b"head ", b"body"]


async def test_a_head_alone_goes_when_the_loop_turns(written: Written) -> None:
    OneWrite(written, asyncio.get_running_loop()).write(b"head")
    assert written.writes == []
    await asyncio.sleep(0)
    assert written.writes == [b"head"]


async def test_what_is_held_goes_before_the_end(written: Written) -> None:
    answer = OneWrite(written, asyncio.get_running_loop())
    answer.write(b"head")
    answer.close()
    assert (written.writes, written.closed) == ([b"head"], True)


async def test_a_stream_begins_before_its_first_piece() -> None:
    may_go = asyncio.Event()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        if scope["method"] != "HEAD":
            await may_go.wait()
        await send({"type": "http.response.body", "body": b"ok"})

    config = uvicorn.Config(
        stream, port=0, http=LoadSheddingProtocol, lifespan="off", log_config=None, access_log=False
    )
    config.load()
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
    async with asyncio.timeout(20):
        request = b"%s / HTTP/1.1\r\nhost: here\r\n\r\n"
        writer.write(request % b"HEAD" + request % b"GET")
        for _ in range(2):  # the head of either, in order, while the body of the second waits
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        may_go.set()
        assert await reader.readexactly(2) == b"ok"
    writer.close()
    server.should_exit = True
    await serving
