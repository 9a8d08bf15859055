"""A machine outside: a network namespace with an address that this machine reaches and its containers only by its address."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import pytest

_HERE, _THERE = "198.51.100.1", "198.51.100.2"  # of a block that is for documentation, and for nobody
_PORT: Final = 8_080
_ANSWERS: Final = f"""
import socket
with socket.create_server(("{_THERE}", {_PORT})) as server:
    print("listens", flush=True)
    while True:
        server.accept()[0].close()
"""


class Listens(NamedTuple):
    """Where something listens."""

    host: str
    port: int


@contextmanager
def machine_outside(name: str) -> Iterator[Listens]:
    """Where something listens outside. Skips for who may not make network namespaces."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("a network namespace takes root and iproute2")
    space, near, far = f"{name}-outside", f"{name[:11]}-a", f"{name[:11]}-b"
    _ip("netns", "add", space)
    try:
        _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", space)
        _ip("address", "add", f"{_HERE}/30", "dev", near)
        _ip("link", "set", near, "up")
        _ip("-n", space, "address", "add", f"{_THERE}/30", "dev", far)
        _ip("-n", space, "link", "set", far, "up")
        command = ["ip", "netns", "exec", space, sys.executable, "-c", _ANSWERS]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as listening:
            try:
                assert listening.stdout
                assert listening.stdout.readline() == b"listens\n"
                yield Listens(_THERE, _PORT)
            finally:
                listening.kill()
    finally:
        _ip("netns", "delete", space)


def _ip(*arguments: str) -> None:
    subprocess.run([shutil.which("ip") or "ip", *arguments], check=True, capture_output=True, timeout=20)
