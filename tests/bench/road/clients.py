"""The clients: bare HTTP over kept connections, in a process of its own. Reads one JSON object, writes another.

Closed loop (`rate` 0): each connection asks as soon as it is answered. Open loop: requests fall due at a rate, and what they
wait for a connection counts.
"""

import asyncio
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple


class Load(NamedTuple):
    """What is asked: `path` and `body` may have `{n}`, the number of the request, from `first` on, and `{m}`, that modulo 10,000."""

    port: int
    method: str
    path: str
    body: str = ""
    token: str = ""
    connections: int = 32
    duration_s: float = 5.0
    requests: int = 0
    rate: float = 0.0
    first: int = 0


@dataclass(slots=True)
class Clients:
    """Connections that ask until the time is over, or the requests are."""

    load: Load
    asked: int = 0
    waited_s: list[float] = field(default_factory=list)
    outcomes: Counter[int] = field(default_factory=Counter)
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
            "asked": self.asked, "statuses": dict(self.outcomes),
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
            self.outcomes[await _status(reader)] += 1
            self.waited_s.append(perf_counter() - self.began_s - due)
        writer.close()

    def _request(self, number: int) -> bytes:
        load = self.load
        path = load.path.replace("{n}", str(number)).replace("{m}", str(number % 10_000))
        body = load.body.replace("{n}", str(number)).encode()
        head = f"{load.method} {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        head += f"authorization: Bearer {load.token}\r\n" if load.token else ""
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def _status(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
    await reader.readexactly(length)
    return int(head[9:12])


if __name__ == "__main__":
    load = Load(**json.loads(sys.stdin.read()))
    sys.stdout.write(json.dumps(asyncio.run(Clients(load).run())))
