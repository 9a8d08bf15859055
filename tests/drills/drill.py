"""One drill: orders flow, something goes wrong in a way of its own, all heals, and the verifier looks."""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Final

import httpx

from lutong_console.targets import Suite
from lutong_contracts.topics import SERVICES
from lutong_local.ports import free_port
from lutong_local.processes import stop
from lutong_local.stack import Stack, down, save, up
from tests.chaos.chaos_world import AT_ONCE, Client, Staff
from tests.chaos.healing import all_ready, judge, report, until_drained, until_it_holds
from tests.chaos.load import Shift, order
from tests.chaos.world import STORES, bank, build_and_wait, environment, is_settled

RATE_PER_S: Final = 4.0
BEFORE: Final = 20
AFTER: Final = 30
"""Orders that clients are shown before the first fault, and after the last: fewer prove nothing."""
LONGEST_S: Final = 420.0
"""Of the faults of one drill; what takes longer is a failure."""


class History(StringIO):
    """What clients were shown, with the time of each line."""

    def __init__(self) -> None:
        super().__init__()
        self.times_s: list[float] = []

    def write(self, text: str) -> int:
        """A line that a client was shown."""
        self.times_s.append(time.monotonic())
        return super().write(text)

    def silence_s(self, since_s: float) -> float:
        """The longest time without a yes since a moment."""
        times = [since_s, *(at for at in self.times_s if at > since_s)]
        return max((later - earlier for earlier, later in pairwise(times)), default=0.0)


@dataclass(slots=True)
class Scene:
    """A running suite that something happens to. `done` counts what happened."""

    stack: Stack
    client: httpx.AsyncClient
    rng: random.Random
    history: History = field(default_factory=History)
    done: Counter[str] = field(default_factory=Counter)

    @property
    def answered(self) -> int:
        """How often clients were answered yes."""
        return len(self.history.times_s)

    async def flows(self, more: int = 1, deadline_s: float = 180.0) -> None:
        """Wait until clients are answered yes so many times more."""
        wanted, ends_s = self.answered + more, time.monotonic() + deadline_s
        while self.answered < wanted:
            if time.monotonic() > ends_s:
                raise SystemExit(f"drill: nothing was ordered within {deadline_s:.0f} s; see {self.stack.directory}")
            await asyncio.sleep(0.05)  # a poll of the condition above


Surroundings = Callable[[Path], AbstractContextManager[object]]
EnvironmentOf = Callable[[Stack, str], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Drill:
    """What goes wrong. `surroundings` are entered before a stack is started in a folder; `lacks` is what a machine has not."""

    name: str
    happen: Callable[[Scene], Awaitable[None]]
    faults: int
    surroundings: Surroundings = lambda _directory: nullcontext()
    begin: Callable[[Stack], None] = lambda _stack: None
    """What is started before everything else of the stack."""
    environment_of: EnvironmentOf = lambda _stack, _service: {}
    lacks: Callable[[], str | None] = lambda: None
    own_network: bool = False
    costs: str = ""
    """What it may cost, where something is lost by its nature: violations are then reported and no failure."""


def run(drill: Drill, directory: Path, *, keep: bool) -> bool:
    """Run a drill on a stack of its own; prints its line and gives whether it held."""
    with drill.surroundings(directory):
        stack = Stack(directory, {"bank": free_port()})
        save(stack)
        lender = bank(stack)
        try:
            drill.begin(stack)
            stack = up(
                directory,
                lambda _: None,
                dies_with_parent=True,
                environment_of=lambda stack, service: environment(stack) | drill.environment_of(stack, service),
            )
            return asyncio.run(_walk(drill, stack))
        finally:
            down(stack, lambda _: None, purge=not keep)
            stop(lender)


async def _walk(drill: Drill, stack: Stack) -> bool:
    async with Suite.of(stack).client(5, len(SERVICES) * AT_ONCE) as client:
        scene = Scene(stack, client, random.Random(drill.name))
        post_id = await build_and_wait(client, stack)
        report(f"{drill.name}: the world is built")
        async with _orders(scene, post_id):
            await scene.flows(BEFORE)
            before, began_s = scene.answered, time.monotonic()
            async with asyncio.timeout(LONGEST_S):
                await drill.happen(scene)
            took_s, during = time.monotonic() - began_s, scene.answered - before
            report(f"{drill.name}: faults are over after {took_s:.0f} s: {dict(scene.done)}")
            await until_it_holds(lambda: all_ready(stack), "everything is ready again")
            await scene.flows(AFTER)
            after = scene.answered - before - during
        await until_drained(client, stack, lambda: False)
        await until_it_holds(lambda: is_settled(client, stack), "every order has ended")
        world, violations = await judge(stack, _shown(scene.history))
    for violation in violations[:20]:
        report(f"{violation.identity} {violation.what}: {violation.witness}")
    lost = sum(v.identity in {"V1", "V2", "V8"} for v in violations)
    doubled = sum(v.identity in {"V4", "V6", "V7"} for v in violations)
    parked = sum(len(world.rows(service, "parked")) for service in SERVICES)
    valid = scene.done["faults"] >= drill.faults and during
    sys.stdout.write(
        f"drill {drill.name}: {'valid' if valid else 'invalid'}, {lost} lost, {doubled} doubled, {len(violations)} violations, "
        f"{parked} parked; {before} answered yes before, {during} during, {after} after; longest silence "
        f"{scene.history.silence_s(began_s):.1f} s; {', '.join(f'{count} {what}' for what, count in scene.done.items())}"
        f"{'; ' + drill.costs if violations and drill.costs else ''}\n"
    )
    sys.stdout.flush()
    return bool(valid) and (not violations or bool(drill.costs))


def _shown(history: History) -> list[dict[str, str]]:
    return [json.loads(line) for line in history.getvalue().splitlines()]


@asynccontextmanager
async def _orders(scene: Scene, post_id: str) -> AsyncIterator[None]:
    """Viewers order at a steady pace and staff works, until the block ends; then staff finishes what there is."""
    done = asyncio.Event()
    client = Client(scene.stack, scene.client)
    staff = Staff(client, scene.rng, scene.history)
    places = ["flagship", *(f"store-{n}" for n in range(STORES))]
    works = [asyncio.create_task(Shift(client, place, 1, scene.history).work(done)) for place in places]
    works += [
        asyncio.create_task(staff.work(done)),
        asyncio.create_task(_open_loop(scene, client, staff, post_id, done)),
    ]
    try:
        yield
        done.set()
        await asyncio.gather(*works)
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)


async def _open_loop(scene: Scene, client: Client, staff: Staff, post_id: str, done: asyncio.Event) -> None:
    orders: list[asyncio.Task[None]] = []
    while not done.is_set():
        number = len(orders)
        rng = random.Random(number)
        orders.append(asyncio.create_task(order(client, post_id, number, rng, staff)))
        await asyncio.sleep(1 / RATE_PER_S)  # arrivals do not wait for answers
    await asyncio.gather(*orders)
