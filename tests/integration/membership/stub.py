"""Running the stub of a provider beside a test."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from lutong_local.ports import free_port
from lutong_local.processes import Child, Command, start, stop, wait_for

TOKEN = "canary-token-8d1f"  # noqa: S105  # looked for where it must not be


@contextmanager
def running(directory: Path) -> Iterator[str]:
    """A stub of its own, by its URL; see `credit_stub`."""
    child = started(port := free_port(), directory / "stub.log")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(child)


def started(port: int, log: Path) -> Child:
    """A stub that answers at this port."""
    arguments = [sys.executable, "-m", "tests.integration.membership.credit_stub", str(port)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    child = start(Command(arguments, environment, log, dies_with_parent=True))
    try:
        wait_for(child, "the stub", lambda: _answers(f"http://127.0.0.1:{port}/stub"))
    except BaseException:
        stop(child)
        raise
    return child


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


class Clock:
    """The breaker's clock, which only a test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Provider:
    """The stub as a test sees it."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url = url
        self._client = client

    async def behaves(self, **behaviours: dict[str, Any]) -> None:
        (await self._client.put(f"{self.url}/stub", json=behaviours)).raise_for_status()

    async def forgets(self) -> None:
        (await self._client.delete(f"{self.url}/stub")).raise_for_status()

    async def asked(self) -> list[dict[str, Any]]:
        requests: list[dict[str, Any]] = (await self._client.get(f"{self.url}/stub")).json()
        return requests

    async def asked_how(self) -> list[str]:
        return [request["method"] for request in await self.asked()]
