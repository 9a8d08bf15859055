"""Running the stub of a provider beside a test."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from lutong_local.processes import Command, free_port, start, stop, wait_for


@contextmanager
def running(directory: Path) -> Iterator[str]:
    """A stub of its own, by its URL; see `credit_stub`."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    arguments = [sys.executable, "-m", "tests.integration.membership.credit_stub", str(port)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    child = start(Command(arguments, environment, directory / "stub.log", dies_with_parent=True))
    try:
        wait_for(child, "the stub", lambda: _answers(f"{url}/stub"))
        yield url
    finally:
        stop(child)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
