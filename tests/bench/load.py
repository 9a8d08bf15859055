"""Viewers who open cards, over a few hundred connections, as a gateway would have them."""

import os
import re
import selectors
import socket
from collections import Counter
from contextlib import suppress
from http import HTTPStatus
from math import inf
from time import monotonic
from urllib.parse import urlsplit

from lutong_chassis.auth import Principal
from lutong_local.stack import Stack
from tests.chaos import world

CONNECTIONS = 200
ANSWER_MAX_S = 2.0
"""An answer that takes longer is no good to a viewer."""

_LENGTH = re.compile(rb"content-length: (\d+)")
_LATE, _LOST = "late", "connection lost"


def as_operator(stack: Stack) -> None:
    """Ask as an operator from now on."""
    os.environ["LUTONG_TOKEN"] = stack.signer.token(Principal("load", "operator"), 3600)


def as_often_as_it_likes(_stack: Stack, _service: str) -> dict[str, str]:
    """The environment of services that take any number of requests from one operator: the load is one."""
    return {"LUTONG_HTTP_RATE_PER_S": "1000000", "LUTONG_HTTP_BURST": "1000000"}


class Connection:
    """Opens one card at a time. Bare, because the client shares the machine with the server."""

    def __init__(self, url: str) -> None:
        asked = urlsplit(url)
        self.socket = socket.create_connection((asked.hostname or "", asked.port or 80), ANSWER_MAX_S)
        self.socket.setblocking(False)
        lines = [f"POST {asked.path} HTTP/1.1", f"host: {asked.netloc}", "content-type: application/json"]
        self.head = "\r\n".join([*lines, f"authorization: Bearer {os.environ['LUTONG_TOKEN']}", ""]).encode()
        self.received = b""

    def ask(self, number: int) -> None:
        """Send a request; what becomes of it is for `outcome` to say."""
        self.received = b""
        body = b'{"viewer_id": "%s"}' % world.viewer(number).encode()
        with suppress(OSError):  # it was idle and has just been closed: then there is an end to be read
            self.socket.sendall(self.head + b"content-length: %d\r\n\r\n" % len(body) + body)

    def outcome(self) -> str | None:
        """Read what has come; gives what became of the request once all of the answer is there."""
        try:
            more = self.socket.recv(65_536)
        except OSError:
            more = b""
        if not more:
            return _LOST
        self.received += more
        head, found, body = self.received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if found else None
        if not found or len(body) < (int(length[1]) if length else 0):
            return None
        status = int(head[9:12])
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            return "refused" if b"retry-after:" in head else "refused without Retry-After"
        return "good" if status < 300 else str(status)


class Load:
    """Connections that ask so many a second between them, or as many as are answered."""

    def __init__(self, url: str, connections: int, rate: float = inf) -> None:
        self.url = url
        self.rate = rate
        self.outcomes: Counter[str] = Counter()
        self.free: list[Connection] = []
        self.asked_s: dict[Connection, float] = {}  # in order of asking
        self.asked = 0
        self.selector = selectors.DefaultSelector()
        for _ in range(connections):
            self.connect()

    def connect(self) -> None:
        """Have one connection more."""
        connection = Connection(self.url)
        self.selector.register(connection.socket, selectors.EVENT_READ, connection)
        self.free.append(connection)

    def ask_for(self, duration_s: float) -> Counter[str]:
        """Ask for so long, and wait for what was asked; gives what came of it all."""
        began = monotonic()
        while (now := monotonic() - began) < duration_s or self.asked_s:
            if now < duration_s:
                self.ask_what_is_due(now)
            for connection in [each for each, at in self.asked_s.items() if now - at > ANSWER_MAX_S]:
                self.end(connection, _LATE)
            wait_s = max(0.0, self.asked / self.rate - now) if self.free else inf
            for key, _ in self.selector.select(min(wait_s, 0.05)):
                if outcome := key.data.outcome():
                    self.end(key.data, outcome)
        while self.free:
            self.free.pop().socket.close()
        self.selector.close()
        return self.outcomes

    def ask_what_is_due(self, now: float) -> None:
        """One request over each free connection, until no more are due."""
        while self.free and self.asked <= now * self.rate:
            connection = self.free.pop()
            connection.ask(self.asked)
            self.asked_s[connection] = now
            self.asked += 1

    def end(self, connection: Connection, outcome: str) -> None:
        """Count what came of a request. What may still come of a late one is no answer to the next: connect anew."""
        if self.asked_s.pop(connection, None) is not None:
            self.outcomes[outcome] += 1
        else:
            self.free.remove(connection)  # it was idle for so long that it was closed
        if outcome in {_LATE, _LOST}:
            self.selector.unregister(connection.socket)
            connection.socket.close()
            self.connect()
        else:
            self.free.append(connection)
