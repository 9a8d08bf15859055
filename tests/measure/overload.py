"""How much good a service does when five times too much is asked of it, and how soon it is well again.

`python -m tests.measure.overload` finds the peak of one service (viewers opening a card), then asks
five times that for a minute, then half of it. Prints goodput as a share of the peak, measured in one run.
"""

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from lutong_chassis.auth import Principal
from lutong_console.targets import Suite
from lutong_local.stack import Stack, down, up
from tests.chaos import world

ANSWER_MAX_S = 2.0
"""An answer that takes longer is no good to a viewer."""

CLIENTS = 2
CONNECTIONS = 200
AT_ONCE = 48
"""Requests in progress at the peak: fewer than are admitted, enough to keep the service busy."""

Loop = Callable[[str, float, float], Coroutine[Any, Any, Counter[str]]]
"""(URL, seconds, how many at once or per second) → what came of it."""


def as_operator(stack: Stack) -> None:
    """Ask as an operator from now on, also in processes that are started."""
    os.environ["LUTONG_TOKEN"] = stack.signer.token(Principal("load", "operator"), 3600)


def as_often_as_it_likes(_stack: Stack, _service: str) -> dict[str, str]:
    """The environment of services that take any number of requests from one operator: the load is one."""
    return {"LUTONG_HTTP_RATE_PER_S": "1000000", "LUTONG_HTTP_BURST": "1000000"}


@dataclass(slots=True)
class Asker:
    """One connection that opens cards, as cheaply as Python can: whoever asks shares the machine with who answers."""

    url: str
    head: bytes = field(init=False)
    stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    asked: int = 0  # over this connection

    def __post_init__(self) -> None:
        asked = urlsplit(self.url)
        lines = [f"POST {asked.path} HTTP/1.1", f"host: {asked.netloc}", "content-type: application/json"]
        self.head = "\r\n".join([*lines, f"authorization: Bearer {os.environ['LUTONG_TOKEN']}", ""]).encode()

    async def ask(self, number: int) -> str:
        """Open a card; gives what came of it."""
        began = monotonic()
        try:
            async with asyncio.timeout(ANSWER_MAX_S):
                status, retry_after = await self._exchange(number)
        except (OSError, EOFError, TimeoutError) as error:
            kept = self.asked
            self.close()
            if kept and not isinstance(error, TimeoutError):  # it was idle for so long that it was closed
                return await self.ask(number)
            return type(error).__name__
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            return "refused" if retry_after else "refused without Retry-After"
        return "good" if status < 300 and monotonic() - began <= ANSWER_MAX_S else f"late or {status}"

    async def _exchange(self, number: int) -> tuple[int, bool]:
        if self.stream is None:
            asked = urlsplit(self.url)
            self.stream = await asyncio.open_connection(asked.hostname, asked.port)
        reader, writer = self.stream
        body = json.dumps({"viewer_id": world.viewer(number)}).encode()
        writer.write(self.head + f"content-length: {len(body)}\r\n\r\n".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = re.search(r"content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        self.asked += 1
        if "connection: close" in head:
            self.close()
        return int(head.split(" ", 2)[1]), "retry-after:" in head

    def close(self) -> None:
        """Let go of the connection."""
        if self.stream:
            self.stream[1].close()
        self.stream, self.asked = None, 0


async def closed_loop(url: str, duration_s: float, at_once: float) -> Counter[str]:
    """As many as are answered: each client asks again when it was answered."""
    return await _ask_all(url, duration_s, int(at_once), 0.0)


async def open_loop(url: str, duration_s: float, rate: float) -> Counter[str]:
    """So many a second, whatever becomes of them, over a few hundred connections, as a gateway would have."""
    return await _ask_all(url, duration_s, CONNECTIONS, rate)


async def _ask_all(url: str, duration_s: float, connections: int, rate: float) -> Counter[str]:
    """What is due is asked by the next free connection; without a rate everything is due at once."""
    outcomes: Counter[str] = Counter()
    numbers = count()
    began = monotonic()

    async def one(asker: Asker) -> None:
        for number in numbers:
            due_s = number / rate if rate else 0.0
            if max(due_s, monotonic() - began) >= duration_s:
                break
            await asyncio.sleep(max(0.0, began + due_s - monotonic()))  # until it is due
            outcomes[await asker.ask(number)] += 1
        asker.close()

    await asyncio.gather(*(one(Asker(url)) for _ in range(connections)))
    return outcomes


def in_processes(loop: Loop, url: str, duration_s: float, amount: float) -> Counter[str]:
    """Run clients in processes of their own; gives what came of all they asked."""
    context = get_context("spawn")
    results: Queue[dict[str, int]] = context.Queue()
    clients = [
        context.Process(target=_client, args=(results, loop, url, duration_s, amount / CLIENTS)) for _ in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    outcomes: Counter[str] = Counter()
    for _ in clients:
        outcomes.update(results.get())
    for client in clients:
        client.join()
    return outcomes


def _client(results: "Queue[dict[str, int]]", loop: Loop, url: str, duration_s: float, amount: float) -> None:
    results.put(dict(asyncio.run(loop(url, duration_s, amount))))


def measure(stack: Stack, duration_s: float) -> dict[str, Any]:
    """Peak, overload, recovery."""
    as_operator(stack)
    url = f"{stack.url('feed')}/v1/posts/{asyncio.run(_card(stack))}/card/taps"
    in_processes(closed_loop, url, 5, AT_ONCE)  # warm
    peak = in_processes(closed_loop, url, 15, AT_ONCE)
    peak_per_s = peak["good"] / 15
    overloaded = in_processes(open_loop, url, duration_s, 5 * peak_per_s)
    after = in_processes(open_loop, url, 10, peak_per_s / 2)
    return {
        "peak_per_s": round(peak_per_s),
        "asked_of_peak": round(sum(overloaded.values()) / duration_s / peak_per_s, 1),
        "goodput_of_peak": round(overloaded["good"] / duration_s / peak_per_s, 2),
        "overloaded": dict(overloaded),
        "good_afterwards": round(after["good"] / sum(after.values()), 3),
        "afterwards": dict(after),
    }


async def _card(stack: Stack) -> str:
    async with Suite.of(stack).client(20) as client:
        return await world.build_and_wait(client, stack)


def main() -> None:
    """Measure on a stack of its own; exit code 1 when goodput falls below 80 % of the peak."""
    parser = argparse.ArgumentParser(prog="overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="lutong-overload-"))
    stack = up(directory, lambda _: None, dies_with_parent=True, environment_of=as_often_as_it_likes)
    try:
        found = measure(stack, options.seconds)
    finally:
        down(stack, lambda _: None, purge=True)
    sys.stderr.write(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(
        f"overload: {found['goodput_of_peak']:.0%} of peak goodput at {found['asked_of_peak']} times the load, "
        f"{found['good_afterwards']:.1%} good within ten seconds afterwards\n"
    )
    sys.exit(0 if found["goodput_of_peak"] >= 0.8 and found["good_afterwards"] > 0.99 else 1)


if __name__ == "__main__":
    main()
