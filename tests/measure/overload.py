"""How much good a service does when five times too much is asked of it, and how soon it is well again.

`python -m tests.measure.overload` finds the peak of one service (viewers opening a card), then asks
five times that for a minute, then half of it. Prints goodput as a share of the peak, measured in one run.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from lutong_chassis.auth import Principal
from lutong_local.stack import Stack, down, up
from tests.chaos import world

ANSWER_MAX_S = 2.0
"""An answer that takes longer is no good to a viewer."""

CLIENTS = 2
AT_ONCE = 48
"""Requests in progress at the peak: fewer than are admitted, enough to keep the service busy."""

Loop = Callable[[str, float, float], Coroutine[Any, Any, Counter[str]]]
"""(URL, seconds, how many at once or per second) → what came of it."""


def as_operator(stack: Stack) -> None:
    """Ask as an operator from now on, also in processes that are started."""
    os.environ["LUTONG_TOKEN"] = stack.signer.token(Principal("load", "operator"), 3600)


def a_client(timeout_s: float, connections_max: int) -> httpx.AsyncClient:
    """A client that asks as `as_operator` said."""
    headers = {"authorization": f"Bearer {os.environ['LUTONG_TOKEN']}"}
    return httpx.AsyncClient(timeout=timeout_s, limits=httpx.Limits(max_connections=connections_max), headers=headers)


def as_often_as_it_likes(_stack: Stack, _service: str) -> dict[str, str]:
    """The environment of services that take any number of requests from one operator: the load is one."""
    return {"LUTONG_HTTP_RATE_PER_S": "1000000", "LUTONG_HTTP_BURST": "1000000"}


async def ask(client: httpx.AsyncClient, url: str, number: int) -> str:
    """Open a card; gives what came of it."""
    began = monotonic()
    try:
        answer = await client.post(url, json={"viewer_id": world.viewer(number)})
    except httpx.TransportError as error:
        return type(error).__name__
    if answer.status_code == 503:
        return "refused" if answer.headers.get("retry-after") else "refused without Retry-After"
    return "good" if answer.is_success and monotonic() - began <= ANSWER_MAX_S else f"late or {answer.status_code}"


async def closed_loop(url: str, duration_s: float, at_once: float) -> Counter[str]:
    """As many as are answered: each client asks again when it was answered."""
    outcomes: Counter[str] = Counter()
    ends = monotonic() + duration_s
    async with a_client(ANSWER_MAX_S, int(at_once)) as client:

        async def one(number: int) -> None:
            while monotonic() < ends:
                outcomes[await ask(client, url, number)] += 1

        await asyncio.gather(*(one(number) for number in range(int(at_once))))
    return outcomes


async def open_loop(url: str, duration_s: float, rate: float) -> Counter[str]:
    """So many a second, whatever becomes of them. A few hundred connections, as a gateway would have."""
    outcomes: Counter[str] = Counter()
    began = monotonic()
    async with a_client(ANSWER_MAX_S, 300) as client:
        tasks: set[asyncio.Task[None]] = set()

        async def one(number: int) -> None:
            outcomes[await ask(client, url, number)] += 1

        for number in range(int(duration_s * rate)):
            await asyncio.sleep(max(0.0, began + number / rate - monotonic()))  # arrivals do not wait
            tasks.add(task := asyncio.create_task(one(number)))
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
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
        "goodput_of_peak": round(overloaded["good"] / duration_s / peak_per_s, 2),
        "overloaded": dict(overloaded),
        "good_afterwards": round(after["good"] / sum(after.values()), 3),
        "afterwards": dict(after),
    }


async def _card(stack: Stack) -> str:
    async with a_client(20, 100) as client:
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
        f"overload: {found['goodput_of_peak']:.0%} of peak goodput at five times the load, "
        f"{found['good_afterwards']:.1%} good within ten seconds afterwards\n"
    )
    sys.exit(0 if found["goodput_of_peak"] >= 0.8 and found["good_afterwards"] > 0.99 else 1)


if __name__ == "__main__":
    main()
