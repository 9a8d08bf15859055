"""The doors of a running service: slow bodies, trailers, odd heads, hang-ups and strangers cost nobody else anything."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from lutong_chassis import tokens
from lutong_chassis.auth import Principal
from tests.conftest import Infrastructure
from tests.support.harness import Toy, a_toy, until

JSON = "content-type: application/json\r\n"


class Line:
    """A connection to a toy, over which one may say anything."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, text: str | bytes) -> None:
        self.writer.write(text.encode() if isinstance(text, str) else text)
        await self.writer.drain()

    async def answer(self) -> tuple[int, str, dict[str, Any]]:
        """Status, head and document of the next answer."""
        async with asyncio.timeout(20):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"content-length: (\d+)", head)
            assert length, head
            return int(head.split()[1]), head, json.loads(await self.reader.readexactly(int(length[1])))

    async def ended(self) -> bool:
        async with asyncio.timeout(20):
            return await self.reader.read() == b""


@asynccontextmanager
async def a_line(toy: Toy) -> AsyncIterator[Line]:
    line = Line(*await asyncio.open_connection("127.0.0.1", toy.port))
    try:
        yield line
    finally:
        line.writer.close()


@asynccontextmanager
async def a_running_toy(infrastructure: Infrastructure, directory: Path, **settings: str) -> AsyncIterator[Toy]:
    async with a_toy(infrastructure, directory) as toy:
        toy.start(**settings)
        await toy.ready()
        yield toy


def token_of(toy: Toy, subject: str) -> str:
    return tokens.read_key(toy.keys / "signing-key.pem").token(Principal(subject, "operator"))


def a_post(toy: Toy, more: str, subject: str = "slow") -> str:
    return (
        f"POST /v1/counts HTTP/1.1\r\nhost: toy\r\nauthorization: Bearer {token_of(toy, subject)}\r\n{JSON}{more}\r\n"
    )


async def sum_of(toy: Toy, name: str) -> float:
    """The sum of the metrics whose names match a pattern."""
    metrics = await toy.get("/metrics")
    assert metrics is not None
    return sum(float(found["value"]) for found in re.finditer(rf"^{name} (?P<value>\S+)$", metrics.text, re.MULTILINE))


def events(toy: Toy, name: str) -> list[dict[str, Any]]:
    """The log lines of a name."""
    lines = [json.loads(line) for line in toy.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == name]


async def test_a_body_that_does_not_arrive_ends_its_connection(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_running_toy(infrastructure, tmp_path, LUTONG_BODY_TIMEOUT_S="0.5") as toy, a_line(toy) as line:
        await line.send(a_post(toy, "content-length: 100\r\n") + "{")
        status, head, problem = await line.answer()
        assert (status, problem["type"]) == (408, "urn:lutong:problem:slow_body")
        assert "connection: close" in head
        assert await line.ended()


async def test_a_body_that_drips_is_given_up_as_well(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async def drip(line: Line) -> None:
        while True:
            await line.send("1\r\n \r\n")
            await asyncio.sleep(0.05)

    async with a_running_toy(infrastructure, tmp_path, LUTONG_BODY_TIMEOUT_S="0.5") as toy, a_line(toy) as line:
        await line.send(a_post(toy, "transfer-encoding: chunked\r\n"))
        dripping = asyncio.create_task(drip(line))
        try:
            assert (await line.answer())[0] == 408
        finally:
            dripping.cancel()


async def half_bodies(toy: Toy, stack: AsyncExitStack, count: int) -> None:
    for _ in range(count):
        line = await stack.enter_async_context(a_line(toy))
        await line.send(a_post(toy, "content-length: 100\r\n") + "{")


async def test_eighty_half_bodies_of_one_sender_leave_all_others_served(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        toy = await stack.enter_async_context(
            a_running_toy(infrastructure, tmp_path, LUTONG_BODY_TIMEOUT_S="600")  # none of them is given up meanwhile
        )
        await half_bodies(toy, stack, 80)

        async def all_came() -> bool:
            return await sum_of(toy, r'lutong_http_(refused_total|denied_total\{reason="too_many_bodies"\})') == 64

        await until(all_came, "those beyond the sixteenth were refused")
        for _ in range(20):
            other = await toy.get("/v1/counts/a")
            assert other is not None
            assert other.status_code == 200
        line = await stack.enter_async_context(a_line(toy))
        await line.send(a_post(toy, "content-length: 100\r\n") + "{")
        status, head, problem = await line.answer()
        assert (status, problem["type"]) == (429, "urn:lutong:problem:too_many_bodies")
        assert "retry-after: 1" in head


async def test_negative_control_without_the_bound_half_bodies_starve_all_others(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        settings = {"LUTONG_HTTP_BODIES_MAX": "1000", "LUTONG_BODY_TIMEOUT_S": "600"}
        toy = await stack.enter_async_context(a_running_toy(infrastructure, tmp_path, **settings))
        await half_bodies(toy, stack, 80)

        async def refused() -> bool:
            other = await toy.get("/v1/counts/a")
            return other is not None and other.status_code == 503

        await until(refused, "others are refused")


async def test_a_trailer_is_no_header(infrastructure: Infrastructure, tmp_path: Path) -> None:
    body = json.dumps({"counter_id": "a"})
    chunked = f"transfer-encoding: chunked\r\n\r\n{len(body):x}\r\n{body}\r\n0\r\n"
    async with a_running_toy(infrastructure, tmp_path) as toy:
        bearer = f"Authorization: Bearer {token_of(toy, 'oscar')}\r\n"
        head = f"POST /v1/counts HTTP/1.1\r\nhost: toy\r\n{JSON}"
        async with a_line(toy) as line:
            await line.send(f"{head}{chunked}{bearer}\r\n")
            assert (await line.answer())[0] == 401
        async with a_line(toy) as line:
            await line.send(f"{head}{bearer}{chunked}{bearer}Idempotency-Key: k\r\nLutong-Journey: theirs\r\n\r\n")
            status, answered, _ = await line.answer()
            assert status == 201
            assert "theirs" not in answered
        assert await toy.rows("SELECT key FROM idempotency") == []


async def test_a_trailer_without_end_is_refused(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_running_toy(infrastructure, tmp_path) as toy, a_line(toy) as line:
        await line.send(a_post(toy, "transfer-encoding: chunked\r\n") + "2\r\n{}\r\n0\r\nX-A: ")
        with suppress(ConnectionError):  # it was closed while we went on
            for _ in range(20):
                await line.send("a" * 20_000)

        async def refused() -> bool:
            return await sum_of(toy, "lutong_http_malformed_total") == 1

        await until(refused, "the trailer was given up")


@pytest.mark.parametrize("way", ["one header", "many headers", "the path"])
async def test_a_head_of_100_kilobytes_in_one_piece_is_refused(
    way: str, infrastructure: Infrastructure, tmp_path: Path
) -> None:
    heads = {
        "one header": f"GET /livez HTTP/1.1\r\nhost: toy\r\nx-a: {'a' * 100_000}\r\n\r\n",
        "many headers": "GET /livez HTTP/1.1\r\nhost: toy\r\n" + "x-a: b\r\n" * 12_500 + "\r\n",
        "the path": f"GET /livez?{'a' * 100_000} HTTP/1.1\r\nhost: toy\r\n\r\n",
    }  # fmt: skip
    async with a_running_toy(infrastructure, tmp_path) as toy, a_line(toy) as line:
        await line.send(heads[way])
        status, head, problem = await line.answer()
        assert (status, problem["type"]) == (400, "urn:lutong:problem:malformed")
        assert "65536 bytes" in problem["detail"]
        assert "application/problem+json" in head
        assert await line.ended()


async def test_what_is_not_http_gets_a_problem_and_no_log_line(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_running_toy(infrastructure, tmp_path) as toy:
        before = toy.log.read_text()
        for nonsense in ("HELO me\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n", "GET /\u00e9 HTTP/1.1\r\n\r\n"):
            async with a_line(toy) as line:
                await line.send(nonsense)
                status, head, problem = await line.answer()
                assert (status, problem["type"]) == (400, "urn:lutong:problem:malformed")
                assert "application/problem+json" in head
                assert "nosniff" in head
        assert toy.log.read_text() == before
        metrics = await toy.get("/metrics")
        assert metrics is not None
        assert "lutong_http_malformed_total 3.0" in metrics.text


async def test_head_is_answered_like_get_without_a_body(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_running_toy(infrastructure, tmp_path) as toy, toy.client() as client:
        for path in ("/livez", "/readyz", "/v1/counts/a", "/openapi.json", "/operations/parked"):
            got, headed = await client.get(path), await client.head(path)
            assert (headed.status_code, headed.content) == (200, b"")
            assert headed.headers["content-length"] == got.headers["content-length"]
        assert (await client.head("/v1/counts")).status_code == 405
        assert (await client.head("/nowhere")).status_code == 404
        assert (await client.head("/v1/counts/a", headers={"authorization": ""})).status_code == 401
        assert (await client.get("/v1/counts/a")).json() == {"total": 0}
        assert (await client.post("/v1/counts/a")).headers["allow"] == "GET, HEAD"


async def test_two_idempotency_keys_are_refused(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_running_toy(infrastructure, tmp_path) as toy, toy.client() as client:
        keys = [("idempotency-key", "a"), ("idempotency-key", "b")]
        answer = await client.post("/v1/counts", json={"counter_id": "c"}, headers=keys)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:lutong:problem:bad_idempotency_key")
        assert (await client.post("/v1/counts", json={"counter_id": "c"}, headers=keys[:1])).status_code == 201


async def test_a_compressed_body_is_refused_with_a_reason(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_running_toy(infrastructure, tmp_path) as toy, toy.client() as client:
        for coding, status in {"gzip": 415, "br, gzip": 415, "identity": 201, "Identity": 201}.items():
            answer = await client.post("/v1/counts", json={"counter_id": "c"}, headers={"content-encoding": coding})
            assert answer.status_code == status
        refused = await client.post("/v1/counts", json={"counter_id": "c"}, headers={"content-encoding": "gzip"})
        assert refused.headers["accept-encoding"] == "identity"


async def test_a_client_that_hangs_up_is_one_line_and_no_traceback(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_running_toy(infrastructure, tmp_path) as toy:
        for _ in range(3):
            async with a_line(toy) as line:
                await line.send(a_post(toy, "content-length: 100\r\n") + "{")

        async def logged() -> bool:
            return len(events(toy, "client_gone")) == 3

        await until(logged, "each is a line")
        assert {(line["level"], line["method"], line["route"]) for line in events(toy, "client_gone")} == {
            ("info", "POST", "/v1/counts")
        }
        assert "Traceback" not in toy.log.read_text()
        assert "ASGI" not in toy.log.read_text()


async def test_strangers_are_logged_with_address_method_and_route(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_running_toy(infrastructure, tmp_path) as toy, toy.client() as client:
        for _ in range(50):
            answer = await client.get("/v1/counts/secret-id", headers={"authorization": "Bearer x"})
            assert answer.status_code == 401
        lines = events(toy, "unauthenticated")
        assert {(line["address"], line["method"], line["route"]) for line in lines} == {
            ("127.0.0.1", "GET", "/v1/counts/{counter_id}")
        }
        assert len(lines) == 5
        assert "secret-id" not in toy.log.read_text()
        metrics = (await client.get("/metrics")).text
        assert 'lutong_http_denied_total{reason="unauthenticated"} 50.0' in metrics
        assert "lutong_http_unlogged_total 45.0" in metrics
