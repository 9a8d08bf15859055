"""What a shell, a proxy or another deployment says does not change whom we ask, nor what silence means."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from lutong_chassis.kafka import KafkaAccess
from lutong_client.http import AsyncHttpTransport, HttpTransport
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.deployment import compose
from lutong_console.targets import Suite
from lutong_local.readiness import readiness_at
from lutong_local.surroundings import surroundings

HEALTHCHECK = Path(__file__).parents[3] / "deploy" / "healthcheck.py"
PROXIES = (
    "socks5://127.0.0.1:9",
    "socks4://127.0.0.1:9",
    "http://127.0.0.1:9",
    "127.0.0.1:9",
    "ftp://x",
    "socks5h://[::1]:9",
)
PROXY_VARIABLES = ("ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY")


class _Well(BaseHTTPRequestHandler):
    """A service that is well."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ready": true, "live": true, "checks": {}}')

    def log_message(self, *_: Any) -> None: ...


class _Six(HTTPServer):
    address_family = socket.AF_INET6


@contextmanager
def _service(kind: type[HTTPServer] = HTTPServer, host: str = "127.0.0.1") -> Iterator[int]:
    server = kind((host, 0), _Well)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _suite(url: str) -> Suite:
    return Suite({"feed": url}, KafkaAccess("127.0.0.1:1"), {})


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("variable", PROXY_VARIABLES)
async def test_services_here_are_asked_directly(variable: str, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, proxy)
    with _service() as port:
        for host in ("127.0.0.1", "localhost"):
            async with _suite(f"http://{host}:{port}").client(5) as client:
                assert (await client.get(f"http://{host}:{port}/livez")).status_code == 200
        assert readiness_at(f"http://127.0.0.1:{port}")["ready"]


def test_negative_control_httpx_as_it_comes_asks_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with _service() as port, pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/livez")


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "ftp://x"])
def test_a_proxy_that_cannot_be_used_is_named(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ConsoleError, match="ALL_PROXY") as refused:
        _suite("https://feed.example").client(5)
    assert refused.value.code == USAGE


@pytest.mark.parametrize("kind", [HttpTransport, AsyncHttpTransport])
def test_a_client_of_services_here_needs_no_proxy(kind: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    assert kind({"feed": "http://127.0.0.1:8001", "registry": "http://[::1]:8002"})


@pytest.mark.parametrize(
    "name",
    [
        "LUTONG_KAFKA_SECURITY_PROTOCOL", "LUTONG_KAFKA_USERNAME", "LUTONG_KAFKA_CA_FILE", "LUTONG_MIGRATE_ON_START",
        "LUTONG_DATABASE_PASSWORD", "LUTONG_AUTH", "LUTONG_FAILPOINT", "LUTONG_INBOX_RETENTION", "LUTONG_HTTP_RATE_PER_S",
        "LUTONG_DEDUCTION_URL", "LUTONG_PAYMENT_TOKEN", "lutong_kafka_username", "PGSSLMODE", "PGTARGETSESSIONATTRS", "PGHOST",
    ],
)  # fmt: skip
def test_a_local_stack_gets_nothing_of_another_deployment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "of-another")
    assert "of-another" not in surroundings().values()


@pytest.mark.parametrize("name", ["LUTONG_LOG_LEVEL", "LUTONG_OTLP_ENDPOINT", "PATH", "LANG"])
def test_the_control_a_local_stack_has_the_rest(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "here")
    assert surroundings()[name] == "here"


@pytest.mark.parametrize(
    ("kind", "host", "given"),
    [
        (HTTPServer, "127.0.0.1", "0.0.0.0"),  # noqa: S104  # what a container is told
        (HTTPServer, "127.0.0.1", "127.0.0.1"),
        (HTTPServer, "127.0.0.1", ""),
        (HTTPServer, "127.0.0.2", "127.0.0.2"),
        (_Six, "::1", "::"),
        (_Six, "::1", "::1"),
    ],
)
def test_a_healthcheck_asks_where_the_service_listens(kind: type[HTTPServer], host: str, given: str) -> None:
    with _service(kind, host) as port:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(HEALTHCHECK)], env={"LUTONG_HTTP_HOST": given, "LUTONG_HTTP_PORT": str(port)},
            capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def deploy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of a deployment."""
    (tmp_path / "compose.yaml").write_bytes((HEALTHCHECK.parent / "compose.yaml").read_bytes())
    monkeypatch.setenv("LUTONG_DEPLOY", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("file", "url"),
    [
        ("", "http://127.0.0.1:18001"),
        ('LUTONG_FEED_PORT="28001" # mine', "http://127.0.0.1:28001"),
        ("LUTONG_FEED_PORT=", "http://127.0.0.1:18001"),
        ("LUTONG_FEED_PORT=18001-18003", "http://127.0.0.1:18001"),
        ("LUTONG_HTTP_ADDRESS=0.0.0.0", "http://127.0.0.1:18001"),
        ("LUTONG_HTTP_ADDRESS=10.0.0.5", "http://10.0.0.5:18001"),
        ("LUTONG_HTTP_ADDRESS=[::]", "http://[::1]:18001"),
        ("LUTONG_HTTP_ADDRESS=::1", "http://[::1]:18001"),
    ],
)
def test_a_deployment_is_asked_where_compose_publishes_it(file: str, url: str, deploy: Path) -> None:
    (deploy / ".env").write_text(file, encoding="utf-8")
    assert compose().url("feed") == url


@pytest.mark.parametrize("file", [b"LUTONG_FEED_PORT='18001", b"\xff\xfe", b"LUTONG_FEED_PORT=${X:?say it}", b"A B=1"])
def test_a_file_of_variables_that_cannot_be_read_is_usage(file: bytes, deploy: Path) -> None:
    (deploy / ".env").write_bytes(file)
    with pytest.raises(ConsoleError, match=r"\.env: ") as refused:
        compose()
    assert refused.value.code == USAGE


@pytest.mark.parametrize("port", ["soon", "99999", "18001 18002"])
def test_a_port_that_is_none_is_usage(port: str, deploy: Path) -> None:
    (deploy / ".env").write_text(f"LUTONG_FEED_PORT={port}", encoding="utf-8")
    with pytest.raises(ConsoleError, match="LUTONG_FEED_PORT") as refused:
        compose().url("feed")
    assert refused.value.code == USAGE
