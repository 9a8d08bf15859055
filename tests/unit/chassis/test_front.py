"""The front of a service when it is full: who finds no room is told so at once, in turn, and costs nothing more."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lutong_chassis.http import LoadSheddingProtocol
from lutong_chassis.http.load_shedding import OPERATORS_MAX
from tests.support.harness import until


@dataclass(slots=True)
class Room:
    """An application with room for one request, which stays until it may go."""

    port: int = 0
    seen: list[str] = field(default_factory=list)
    inside: asyncio.Event = field(default_factory=asyncio.Event)
    may_go: asyncio.Event = field(default_factory=asyncio.Event)
    connections: set[LoadSheddingProtocol] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope["path"])
        if scope["path"].endswith("/stay"):
            self.inside.set()
            await self.may_go.wait()
        if scope["path"] == "/livez":
            await asyncio.to_thread(bool)  # takes longer than the others
        body = scope["path"].encode()
        if scope["path"] == "/headers":
            while (await receive()).get("more_body"):
                pass
            body = b" ".join(name for name, _ in scope["headers"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


@dataclass(frozen=True, slots=True)
class Line:
    """A connection, and what was said over it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def write(self, text: str) -> None:
        self.writer.write(text.encode())

    async def answer(self, *, body: bool = True) -> tuple[int, str]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head)
        assert length
        return int(head.split()[1]), (await self.reader.readexactly(int(length[1]))).decode() if body else head


def get(path: str, more: str = "", method: str = "GET") -> str:
    return f"{method} {path} HTTP/1.1\r\nhost: here\r\n{more}\r\n"


@asynccontextmanager
async def a_room(*, full: bool = True) -> AsyncIterator[tuple[Room, Line]]:
    """A served room, with one connection in it, and another connection."""
    room = Room()
    listening = socket.create_server(("127.0.0.1", 0))
    room.port = listening.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(
            room, http=LoadSheddingProtocol, limit_concurrency=1, lifespan="off", log_config=None, access_log=False
        )
    )
    room.connections = server.server_state.connections  # type: ignore[assignment]  # those of the configured protocol
    serving = asyncio.create_task(server.serve([listening]))
    first, second = [Line(*await asyncio.open_connection("127.0.0.1", room.port)) for _ in range(2)]
    if full:
        first.write(get("/stay"))
        await room.inside.wait()
    try:
        async with asyncio.timeout(20):
            yield room, second
    finally:
        room.may_go.set()
        for line in (first, second):
            line.writer.close()
        server.should_exit = True
        await serving
        listening.close()


async def test_a_request_over_the_limit_is_refused_and_its_connection_stays_open() -> None:
    async with a_room() as (room, line):
        for _ in range(3):
            line.write(get("/next"))
            status, body = await line.answer()
            assert (status, '"urn:lutong:problem:overloaded"' in body) == (503, True)
        assert room.seen == ["/stay"]
        room.may_go.set()
        while True:  # the one who stayed has gone when there is room
            line.write(get("/next"))
            if (await line.answer()) == (200, "/next"):
                break


async def test_health_is_answered_however_full_it_is() -> None:
    async with a_room() as (_, line):
        line.write(get("/readyz?verbose"))
        assert await line.answer() == (200, "/readyz")


async def test_a_few_operators_are_let_in_however_full_it_is() -> None:
    async with a_room() as (room, line):
        inside = [Line(*await asyncio.open_connection("127.0.0.1", room.port)) for _ in range(OPERATORS_MAX)]
        line.write(get("/operations/parked"))
        assert await line.answer() == (200, "/operations/parked")
        for each in inside:
            each.write(get("/operations/stay"))

        async def all_are_in() -> bool:
            return room.seen.count("/operations/stay") == OPERATORS_MAX

        await until(all_are_in, "as many operators as are let in are in")
        line.write(get("/operations/parked"))
        assert (await line.answer())[0] == 503  # the control: not without bound
        room.may_go.set()
        for each in inside:
            each.writer.close()


async def test_the_body_of_what_is_refused_is_passed_over() -> None:
    async with a_room() as (_, line):
        for size in (5, 300_000):
            line.write(get("/next", f"content-length: {size}\r\n", "POST") + "x" * size + get("/livez"))
            assert (await line.answer())[0] == 503
            assert await line.answer() == (200, "/livez")


async def test_what_comes_behind_a_refusal_is_answered_one_after_the_other() -> None:
    async with a_room() as (_, line):
        line.write(get("/next") + get("/livez") + get("/readyz") + get("/next"))
        answers = [await line.answer() for _ in range(4)]
        assert answers[1:3] == [(200, "/livez"), (200, "/readyz")]
        assert [answers[0][0], answers[3][0]] == [503, 503]


async def test_a_refusal_has_retry_after_and_no_body_for_head() -> None:
    async with a_room() as (_, line):
        line.write(get("/next", method="HEAD") + get("/livez"))
        status, head = await line.answer(body=False)
        assert (status, "retry-after: 1" in head, "nosniff" in head) == (503, True, True)
        assert await line.answer() == (200, "/livez")


async def test_a_refusal_for_want_of_room_names_the_request() -> None:
    async with a_room() as (_, line):
        line.write(get("/next", "lutong-request-id: r-1\r\n", "HEAD") + get("/next", method="HEAD"))
        given, made = [(await line.answer(body=False))[1] for _ in range(2)]
        assert "lutong-request-id: r-1\r\n" in given
        assert re.search(r"lutong-request-id: [0-9a-f-]{36}\r\n", made)


async def test_a_client_that_waits_to_send_a_body_is_disconnected() -> None:
    async with a_room() as (room, line):
        line.write(get("/next", "content-length: 9\r\nexpect: 100-continue\r\n", "POST"))
        assert (await line.answer())[0] == 503
        assert await line.reader.read() == b""
        assert room.seen == ["/stay"]


async def test_a_connection_that_is_to_end_ends_after_its_refusal() -> None:
    async with a_room() as (_, line):
        line.write(get("/next", "connection: close\r\n"))
        assert (await line.answer())[0] == 503
        assert await line.reader.read() == b""


TRAILING = "transfer-encoding: chunked\r\n"
CHUNKS = "2\r\nab\r\n0\r\nAuthorization: Bearer x\r\nIdempotency-Key: k\r\n\r\n"


async def headers_with_a_trailer() -> set[str]:
    """The names of the headers of a request that has a trailer, once its body was read."""
    async with a_room(full=False) as (_, line):
        line.write(get("/headers", TRAILING, "POST") + CHUNKS)
        return set((await line.answer())[1].split())


async def test_trailers_become_no_headers() -> None:
    assert await headers_with_a_trailer() == {"host", "transfer-encoding"}


async def test_negative_control_without_the_hook_a_trailer_becomes_a_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoadSheddingProtocol, "on_header", HttpToolsProtocol.on_header)
    assert "authorization" in await headers_with_a_trailer()


async def test_an_idle_connection_outlives_what_clients_keep() -> None:
    async with a_room(full=False) as (room, line):
        line.write(get("/next"))
        await line.answer()
        (closing,) = [each.timeout_keep_alive_task for each in room.connections if each.timeout_keep_alive_task]
        kept_s = httpx.Limits().keepalive_expiry or 0
        assert closing.when() - asyncio.get_running_loop().time() > 10 * kept_s


async def test_pipelined_requests_are_answered_in_order_one_at_a_time() -> None:
    async with a_room(full=False) as (room, line):
        line.write(get("/stay") + get("/next") * 3000 + get("/livez"))
        await room.inside.wait()
        other = Line(*await asyncio.open_connection("127.0.0.1", room.port))
        other.write(get("/next"))
        assert (await other.answer())[0] == 503
        other.writer.close()
        room.may_go.set()
        answers = [(await line.answer())[0] for _ in range(3002)]
        assert (answers[0], answers[-1]) == (200, 200)
        assert set(answers) <= {200, 503}
