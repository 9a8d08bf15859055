"""Ports of this machine: free ones for what is started, the same ones again for what clients look for there."""

import os
import secrets
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

from lutong_contracts.topics import SERVICES
from lutong_local.processes import LocalError

PORTS: Final = range(20_000, 32_000)
"""Below those that systems give to outgoing connections: one of these took a port, now and then, before it was listened on."""

_HELD_MAX: Final = 200
_held: Final = deque[int]()
"""Descriptors of the UDP ports that hold what was given last."""


def free_port() -> int:
    """A TCP port that nobody listens on just now, and that no process here is given again before it is listened on."""
    while True:
        port = secrets.choice(PORTS)
        if _hold(port) and is_free(port):
            return port


def _hold(port: int) -> bool:
    """Whether a port was given to nobody else. The UDP port of its number stands for it, as nothing here uses UDP."""
    with socket.socket(type=socket.SOCK_DGRAM) as standing:
        try:
            standing.bind(("127.0.0.1", port))
        except OSError:
            return False
        _held.append(standing.detach())
    if len(_held) > _HELD_MAX:
        os.close(_held.popleft())
    return True


def is_free(port: int) -> bool:
    """Whether a port can be listened on."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def choose_ports(ports: dict[str, int], runs: Callable[[str], bool]) -> None:
    """Choose ports for what does not run. Kafka and PostgreSQL come back where services that run look for them.

    Raises LocalError where such a port is taken by another process.
    """
    for name in ("kafka", "controller", "postgres", *SERVICES):
        if runs("kafka" if name == "controller" else name) or (name in ports and is_free(ports[name])):
            continue
        if name not in SERVICES and name in ports and any(map(runs, SERVICES)):
            raise LocalError(
                f"port {ports[name]} of {name} is taken by another process, and services use it: "
                "lutong down, then lutong up"
            )
        ports[name] = free_port()
