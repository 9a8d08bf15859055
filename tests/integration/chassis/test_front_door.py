"""The front door of a running service: too often, too large, and what every answer says to browsers."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from lutong_chassis import tokens
from lutong_chassis.auth import Principal
from lutong_chassis.http.problems import SAFE_HEADERS
from lutong_chassis.testing import bearer, http_client
from lutong_feed.app import service
from tests.conftest import Infrastructure
from tests.support.harness import Toy, a_toy, until
from tests.support.invalid_tokens import invalid_tokens

MEGABYTE = 2**20


async def test_only_a_caller_who_asks_too_often_must_come_back_later(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_HTTP_RATE_PER_S="0.01", LUTONG_HTTP_BURST="5")
        await toy.ready()
        answers = [await toy.get("/v1/counts/a") for _ in range(8)]
        statuses = [answer.status_code for answer in answers if answer]
        assert statuses == [200] * 5 + [429] * 3
        refused = answers[-1]
        assert refused is not None
        assert 90 <= int(refused.headers["retry-after"]) <= 100
        assert refused.json()["type"] == "urn:lutong:problem:too_often"

        other = tokens.read_key(toy.keys / "signing-key.pem").token(Principal("oscar", "operator"))
        async with toy.client() as client:
            mine = {"authorization": f"Bearer {other}"}
            assert (await client.get("/v1/counts/a", headers=mine)).status_code == 200
            assert {(await client.get("/livez")).status_code for _ in range(20)} == {200}
            assert 'lutong_http_denied_total{reason="too_often"} 3.0' in (await client.get("/metrics")).text


def memory_mb(toy: Toy) -> float:
    """Memory of the toy's process at its highest, in MB (Linux)."""
    assert toy.process
    status = Path(f"/proc/{toy.process.pid}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory of a process is read from /proc")
async def test_a_body_of_64_megabytes_in_chunks_is_refused_and_never_held(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"counter_id": "'
        for _ in range(64):
            yield b"a" * MEGABYTE

    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        async with toy.client(30) as client:
            json = {"content-type": "application/json"}
            assert (await client.post("/v1/counts", json={"counter_id": "warm"})).status_code == 201
            before = memory_mb(toy)
            for path in ("/v1/counts", "/operations/republication"):
                answer = await client.post(path, content=chunks(), headers=json)
                assert (answer.status_code, answer.json()["type"]) == (413, "urn:lutong:problem:too_large")
            whole = await client.post("/v1/counts", content=b"a" * 2 * MEGABYTE, headers=json)
            assert whole.status_code == 413
            nobody = await client.post("/v1/counts", content=chunks(), headers=json | {"authorization": "Bearer x.y.z"})
            assert nobody.status_code == 401
            deep = await client.post("/v1/counts", content=b"[" * 200_000, headers=json)
            assert deep.status_code in {400, 422}
            assert memory_mb(toy) - before < 16
            assert (await client.post("/v1/counts", json={"counter_id": "after"})).status_code == 201


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory of a process is read from /proc")
@pytest.mark.parametrize("head", [b"GET /livez HTTP/1.1\r\nX-A: ", b"GET /", b"GET /livez HTTP/1.1\r\n"])
async def test_a_head_that_does_not_end_is_refused_and_never_held(
    head: bytes, infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        before = memory_mb(toy)
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", toy.port)
            writer.write(head)
            with suppress(ConnectionError):  # it was closed while we went on
                for _ in range(64):
                    writer.write((b"a" * 60 + b": b\r\n") * 16_000 if head.endswith(b"\n") else b"a" * MEGABYTE)
                    await writer.drain()
                assert (await reader.readline()).startswith(b"HTTP/1.1 400")
            writer.close()
        assert memory_mb(toy) - before < 16
        alive = await toy.get("/livez")
        assert alive is not None
        assert alive.status_code == 200


async def test_a_running_service_believes_no_forged_token(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        forged = invalid_tokens(tokens.read_key(toy.keys / "signing-key.pem"))
        async with toy.client() as client:
            for name, value in forged.items():
                answer = await client.get("/v1/counts/a", headers={"authorization": value})
                assert answer.status_code == 401, name
        log = toy.log.read_text()
        assert '"event": "unauthenticated"' in log
        assert "eyJ" not in log


async def test_a_service_without_keys_does_not_start_and_names_the_remedy(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_AUTH_KEYS_FILE=str(tmp_path / "absent.json"))
        assert toy.ended() == 2
        toy.start(LUTONG_AUTH="off", LUTONG_HTTP_HOST="0.0.0.0")  # noqa: S104  # what is refused
        assert toy.ended() == 2
        log = toy.log.read_text()
        assert "absent.json" in log
        assert "refused unless LUTONG_HTTP_HOST is loopback" in log
        assert "Traceback" not in log


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The files of a folder over HTTP, on a free port of loopback."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


async def test_a_service_fetches_the_keys_of_its_issuer(infrastructure: Infrastructure, tmp_path: Path) -> None:
    published = tmp_path / "published"
    published.mkdir()
    with serving(published) as url:
        async with a_toy(infrastructure, tmp_path) as toy:
            toy.start(LUTONG_AUTH_KEYS_URL=f"{url}/jwks.json", LUTONG_AUTH_KEYS_FILE=str(tmp_path / "absent.json"))

            async def waits() -> bool:
                answer = await toy.get("/readyz")
                return answer is not None and answer.json()["checks"]["issuer"] is False

            await until(waits, "the service waits for its issuer")
            answer = await toy.get("/v1/counts/a")
            assert answer is not None
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            shutil.copy(toy.keys / "jwks.json", published)
            await toy.ready()
            answer = await toy.get("/v1/counts/a")
            assert answer is not None
            assert answer.status_code == 200


class BrokenPool:
    """A pool with a bug."""

    def acquire(self) -> None:
        raise ZeroDivisionError


async def test_every_answer_tells_browsers_to_take_it_for_data() -> None:
    pool: Any = BrokenPool()
    asked = [
        ("GET", "/livez", {}, 200),
        ("GET", "/openapi.json", {}, 200),
        ("GET", "/nowhere", {}, 404),
        ("PATCH", "/v1/posts", {}, 405),
        ("GET", "/v1/summary", {"authorization": ""}, 401),
        ("GET", "/v1/summary", bearer(Principal("ann", "member", member_id="ann")), 403),
        ("GET", "/v1/summary", {}, 500),
        ("POST", "/v1/posts", {"idempotency-key": "k" * 200}, 400),
    ]
    async with http_client(service, pool) as client:
        for method, path, headers, status in asked:
            answer = await client.request(method, path, headers=headers)
            assert answer.status_code == status, (path, answer.text)
            assert answer.headers.items() >= SAFE_HEADERS.items(), path
            assert "server" not in answer.headers
            assert status < 400 or answer.headers["content-type"] == "application/problem+json"
        assert (await client.patch("/v1/posts")).headers["allow"] == "POST"
