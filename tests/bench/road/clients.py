"""The clients: bare HTTP over kept connections, in a process of its own. Reads one JSON object, writes another.

Closed loop (`rate` 0): each connection asks as soon as it is answered. Open loop: requests fall due at a rate, and what they
wait for a connection counts. Requests of several kinds take turns.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter, time
from typing import Any, NamedTuple


class Ask(NamedTuple):
    """A kind of request: its path and body may have `{n}`, a number from `first` on, below `viewers`, and `{m}`, that modulo 10,000."""

    method: str
    path: str
    body: str = ""


class Load(NamedTuple):
    """What is asked, of whom, and for how long: `requests`, or `duration_s`."""

    port: int
    asks: Sequence[Ask]
    token: str = ""
    connections: int = 32
    duration_s: float = 5.0
    requests: int = 0
    rate: float = 0.0
    first: int = 0
    viewers: int = 60_000
    orders: bool = False
    """Also give when each order fell due."""


@dataclass(slots=True)
class Clients:
    """Connections that ask until the time is over, or the requests are."""

    load: Load
    asked: int = 0
    waited_s: list[float] = field(default_factory=list)
    outcomes: Counter[int] = field(default_factory=Counter)
    due_at: dict[str, float] = field(default_factory=dict)
    began_s: float = 0.0

    async def run(self) -> dict[str, Any]:
        """Ask; gives rate, waits in ms, and how often each status came."""
        self.began_s = perf_counter()
        await asyncio.gather(*(self._connection() for _ in range(self.load.connections)))
        taken_s = perf_counter() - self.began_s
        ordered = sorted(self.waited_s)

        def quantile(share: float) -> float:
            return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else 0.0

        good = sum(count for status, count in self.outcomes.items() if status < 300)
        return {
            "per_s": round(good / taken_s, 1), "p50_ms": quantile(0.5), "p99_ms": quantile(0.99), "good": good,
            "asked": self.asked, "statuses": dict(self.outcomes), **({"due_at": self.due_at} if self.load.orders else {}),
        }  # fmt: skip

    def _due_s(self) -> float | None:
        """When the next request is due; None when there is none."""
        load, now = self.load, perf_counter() - self.began_s
        due = self.asked / load.rate if load.rate else now
        if (load.requests and self.asked >= load.requests) or (not load.requests and due >= load.duration_s):
            return None
        return due

    async def _connection(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.load.port)
        while (due := self._due_s()) is not None:
            number = self.load.first + self.asked
            self.asked += 1
            if (wait_s := due - (perf_counter() - self.began_s)) > 0:
                await asyncio.sleep(wait_s)
            writer.write(self._request(number))
            status, body = await _answer(reader)
            self.outcomes[status] += 1
            waited_s = perf_counter() - self.began_s - due
            self.waited_s.append(waited_s)
            if self.load.orders and status < 300 and b'"order_id"' in body:
                self.due_at[json.loads(body)["order_id"]] = time() - waited_s
        writer.close()

    def _request(self, number: int) -> bytes:
        load = self.load
        method, path, body_of = load.asks[number % len(load.asks)]
        viewer = str(number % load.viewers)
        path = path.replace("{n}", viewer).replace("{m}", str(number % 10_000))
        body = body_of.replace("{n}", viewer).replace("{m}", str(number % 10_000)).encode()
        head = f"{method} {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        head += f"authorization: Bearer {load.token}\r\n" if load.token else ""
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
    body = await reader.readexactly(length)
    return int(head[9:12]), body


if __name__ == "__main__":
    given = json.loads(sys.stdin.read())
    load = Load(**given | {"asks": [Ask(*ask) for ask in given["asks"]]})
    sys.stdout.write(json.dumps(asyncio.run(Clients(load).run())))
