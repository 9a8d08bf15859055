"""After the faults: what was parked is redriven, everything comes to its end, and what was promised is looked at."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import httpx

from lutong_console.subscriptions import handled_types
from lutong_console.targets import Suite
from lutong_console.verify.identities import Earlier
from lutong_console.verify.violation import Violation
from lutong_contracts.topics import SERVICES
from lutong_local.processes import Child, Command, start
from lutong_local.stack import Stack, readiness
from tests.support.looks import Look, collect, evaluate

_QUIET_DEADLINE_S = 240.0  # a term of a minute, and the minute after which an attempt whose sender died is asked for
_ROUND_S = 20.0


def report(message: str) -> None:
    """Tell how it goes."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {message}\n")


def background(stack: Stack, part: str, *arguments: object) -> Child:
    """Start a part of a run as a process of its own; it dies with us."""
    command = [sys.executable, "-m", f"tests.chaos.{part}", *map(str, arguments)]
    return start(Command(command, os.environ, stack.directory / f"{part}.log", dies_with_parent=True))


async def until_drained(client: httpx.AsyncClient, stack: Stack, busy: Callable[[], bool]) -> int:
    """Discard garbage and redrive what waited behind it, until the load has ended and nothing is parked."""
    handled, here = 0, 1
    while here or busy():
        with suppress(httpx.HTTPError):  # who does not answer in time is asked the next time
            here = await look_after(client, stack)
            handled += here
        await asyncio.sleep(0.2)  # a poll of the condition above
    return handled


async def look_after(client: httpx.AsyncClient, stack: Stack) -> int:
    """One round of an operator's; gives how many records were parked."""
    found = 0
    for service in SERVICES:
        listed = await client.get(f"{stack.url(service)}/operations/parked")
        listed.raise_for_status()
        for row in listed.json():
            verb = "discard" if row["reason"] in {"bad_header", "bad_bytes"} else "redrive"
            decision = {"reason": "healing"}
            await client.post(f"{stack.url(service)}/operations/parked/{row['id']}/{verb}", json=decision)
            found += 1
    return found


async def operate(client: httpx.AsyncClient, stack: Stack) -> None:
    """An operator redrives what is parked every now and then, also while everything dies."""
    while True:
        await asyncio.sleep(_ROUND_S)  # the rhythm of the rounds
        with suppress(httpx.HTTPError):  # who does not answer is asked the next time
            await look_after(client, stack)


class Verdict(NamedTuple):
    """The last look at a suite, and the promises that it breaks."""

    world: Look
    violations: list[Violation]


async def judge(stack: Stack, history: Sequence[dict[str, Any]]) -> Verdict:
    """Look until nothing is broken. After some time that is broken which two looks, one after the other, find so.

    A deadline that falls due between the tables and the topics of one look breaks a promise in it, and in no other.
    """
    target, handled = Suite.of(stack), handled_types()
    deadline = time.monotonic() + _QUIET_DEADLINE_S
    world = await collect(target, handled)
    broken = confirmed = evaluate(world, history=history)
    is_first = True
    while broken and (is_first or time.monotonic() < deadline):
        is_first, earlier = False, Earlier(broken)
        del world  # that of a long run fills the memory once
        world = await collect(target, handled)
        broken = evaluate(world, history=history)
        confirmed = list(earlier.confirmed(broken))
        earlier.close()
    return Verdict(world, confirmed if broken else [])


async def all_ready(stack: Stack) -> bool:
    """Whether every service is."""
    return all(readiness(stack, service)["ready"] for service in SERVICES)


async def until_it_holds(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait; a run whose condition does not come true ends here. An answer that does not come in time is none."""
    deadline = time.monotonic() + _QUIET_DEADLINE_S
    while True:
        with suppress(httpx.HTTPError):
            if await condition():
                return
        if time.monotonic() > deadline:
            raise SystemExit(f"chaos: did not come true within {_QUIET_DEADLINE_S:.0f} s: {what}")
        await asyncio.sleep(0.2)  # a poll of the condition above
