"""Running the stub of a provider beside a test."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from lutong_local.processes import Child, Command, free_port, start, stop, wait_for


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
