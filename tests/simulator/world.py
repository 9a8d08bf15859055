"""One schedule from begin to end: processes of the real chassis, clients, faults, healing, and the judgement."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast

from lutong_chassis import processing, redrive
from lutong_chassis.auth import Principal
from lutong_chassis.commands.asked import Asked, Claim, Given
from lutong_chassis.commands.lanes import Lanes
from lutong_chassis.consumer import Consumer
from lutong_chassis.database import Pool, Tx
from lutong_chassis.envelope import Cause, Incoming, MalformedError
from lutong_chassis.handlers import Handlers
from lutong_chassis.processing import Processor
from lutong_chassis.relay import Relay
from lutong_chassis.settings import Settings
from lutong_chassis.startup import until_it_works
from lutong_chassis.subscriber import KafkaSubscriber
from lutong_chassis.supervise import Loops
from lutong_chassis.testing import settings_for
from tests.simulator import breaking, toy
from tests.simulator.broker import Broker
from tests.simulator.database import SimPool
from tests.simulator.engine import Engine
from tests.simulator.history import History
from tests.simulator.plan import ACTIVE_S, Ask, Fault, Plan
from tests.simulator.producer import Faults
from tests.simulator.virtual import Process, StandstillError, VirtualLoop

_OPERATOR: Final = Principal("olga", "operator")
SOURCE: Final = "/lutong/simulated"
QUIET_WITHIN_S: Final = 60.0
"""So long after all has healed everything must have come to its end."""

SETTINGS: Final[Settings] = settings_for(
    "postgresql://simulated", relay_interval_ms=2_000, retry_delay_max_s=1.0, session_timeout_ms=2_000, relay_batch_max=12,
    batch_records_max=8, shutdown_timeout_s=2.0,
)  # fmt: skip


@dataclass(eq=False)
class Replica:
    """A process of the service, with everything of the chassis that runs in it."""

    process: Process
    pool: SimPool
    faults: Faults
    handlers: Handlers
    relay: Relay = field(init=False)
    lanes: Lanes = field(init=False)
    subscriber: KafkaSubscriber = field(init=False)
    joining: "asyncio.Task[None]" = field(init=False)

    def start(self) -> None:
        """Start what `Service` starts: relay, deadlines, consumer and lanes."""
        pool = cast("Pool", self.pool)
        self.relay = Relay(pool, SETTINGS, SOURCE)
        processor = Processor(pool, self.handlers, after_commit=self.relay.wake, owner="simulated")
        consumer = Consumer(processor, SETTINGS.retry_delay_max_s)
        self.subscriber = KafkaSubscriber("simulated", self.handlers.topics, consumer, SETTINGS)
        self.lanes = Lanes(self.handlers.by_command, lambda: pool, self.relay.wake, lambda _names: None)
        loops = Loops(SETTINGS.retry_delay_max_s, SETTINGS.stall_timeout_s)
        running: dict[str, Callable[[], Awaitable[object]]] = {
            "relay": self.relay.run,
            "deadlines": self.relay.release_deadlines,
        }
        for name, run in running.items():
            self.process.spawn(loops.supervised(name, run))
        self.joining = self.process.spawn(until_it_works("consumer group", self.subscriber.start, SETTINGS))

    async def stop(self) -> None:
        """Stop in good order, as after SIGTERM: `Service` gives up joining before it leaves."""
        self.joining.cancel()
        await asyncio.wait([self.joining])
        await self.subscriber.stop()
        await self.lanes.stop()
        self.process.kill()


class World:
    """The state of one schedule while it runs."""

    def __init__(self, plan: Plan, engine: Engine) -> None:
        self.plan, self.engine = plan, engine
        self.loop = VirtualLoop()
        self.rng = random.Random(plan.seed)
        self.broker = Broker(
            self.loop, random.Random(plan.seed + 1), {topic.name: topic.partitions for topic in (toy.COUNTED, toy.TOTALS)},
            toy.COUNTED.name,
        )  # fmt: skip
        self.history = History(self.broker, engine)
        self.replicas: dict[int, Replica] = {}
        self.started = 0
        self.healed = False
        self.processes: list[Process] = []

    def run(self) -> list[str]:
        """Run the schedule; gives what is wrong, or nothing."""
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(self._unforeseen)
        try:
            self.loop.run_until_complete(self._play())
            return self.history.verdict()
        except StandstillError as stuck:
            return [*self.history.broken, f"end: {stuck}"]
        finally:
            self._end()
            asyncio.set_event_loop(None)
            self.loop.close()

    def _unforeseen(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What nobody caught is a bug, of the simulator or of the chassis."""
        self.history.broken.append(f"unforeseen: {context['message']}: {context.get('exception')!r}")

    async def _play(self) -> None:
        toy.cure.done = False
        self.loop.call_later(0.5, self.broker.watch)
        for n in range(self.plan.processes):
            self.start(n)
        clients = [self.loop.create_task(self._client(ask)) for ask in self.plan.asks]
        for fault in self.plan.faults:
            self.loop.call_at(fault.at_s, self._break, fault)
        await asyncio.sleep(ACTIVE_S)
        await self._heal()
        await asyncio.gather(*clients)
        await self._until_quiet()

    def start(self, n: int) -> None:
        """Start a replica. What the plan has for it by number counts from its first start."""
        if n in self.replicas and self.replicas[n].process.alive:
            return
        self.started += 1
        first = n not in self.replicas
        faults = (
            []
            if self.healed or not first
            else [fault for fault in self.plan.faults if fault.process % self.plan.processes == n]
        )
        process = Process(f"p{n}.{self.started}", self.loop, random.Random(self.plan.seed * 31 + self.started))
        process.dies_at_step = next((fault.nth for fault in faults if fault.kind == "crash_at"), None)
        pool = SimPool(process, self.engine, self.loop, _numbers(faults, "cut_at"))
        few = [fault.nth % 8 + 1 for fault in faults if fault.kind == "refuse"]
        kafka = Faults(
            frozenset(few),
            frozenset(fault.nth % 8 + 1 for fault in faults if fault.kind == "lose_ack"),
            frozenset(fault.nth % 5 + 1 for fault in faults if fault.kind == "unreadable"),
        )
        handlers = toy.older() if self.plan.upgraded and first else toy.handlers
        self.replicas[n] = replica = Replica(process, pool, kafka, handlers)
        process.kit = (self.broker, kafka)
        process.ends += [pool.cut, partial(self.loop.call_later, 0.5 + self.rng.random(), self.start, n)]
        self.processes.append(process)
        process.spawn(_begin(replica))

    def _break(self, fault: Fault) -> None:
        if not self.healed:
            breaking.BREAKS[fault.kind](self, self.replicas[fault.process % self.plan.processes], fault)

    async def _heal(self) -> None:
        """Everything works again, the bug is fixed, and an operator looks after what is parked."""
        self.healed = toy.cure.done = True
        self.broker.down_until_s = 0.0
        for n, replica in self.replicas.items():
            replica.pool.away_until_s = replica.process.resumes_at_s = replica.process.slow_until_s = 0.0
            replica.process.dies_at_step = None
            if replica.handlers is not toy.handlers and replica.process.alive:
                replica.process.spawn(replica.stop())
            self.loop.call_later(0.8, self.start, n)
        await asyncio.sleep(1.2)

    async def _until_quiet(self) -> None:
        ends_at_s = self.loop.now_s + QUIET_WITHIN_S
        while (busy := self.history.busy()) and self.loop.now_s < ends_at_s:
            replica = self.replicas[0]
            if "parked" in busy and replica.process.alive:
                await asyncio.wait([replica.process.spawn(self.operate(replica))])
            await asyncio.sleep(0.5)
        self.history.unfinished = busy

    async def operate(self, replica: Replica) -> None:
        """An operator redrives what is parked, and discards what is no event."""
        for row in self.engine.ask("SELECT id, reason FROM parked WHERE state = 'parked' ORDER BY id"):
            how = (
                partial(redrive.redrive, apply=_apply)
                if row["reason"] in {"handler_error", "key_blocked"}
                else redrive.discard
            )
            pool = cast("Pool", replica.pool)
            try:
                await how(pool, row["id"], who=_OPERATOR, reason="a schedule")
            except Exception as error:
                self.history.note(f"operator: {type(error).__name__}")
        replica.relay.wake()

    async def _client(self, ask: Ask) -> None:
        """Ask until there is an answer, of whatever replica lives."""
        await asyncio.sleep(ask.at_s)
        n = ask.process % self.plan.processes
        while True:
            replica = self.replicas[n]
            if replica.process.alive:
                answer = await _answer(replica, ask)
                self.history.answered(ask, answer)
                if isinstance(answer, Given):
                    return
            n = (n + 1) % self.plan.processes
            await asyncio.sleep(0.1)

    def _end(self) -> None:
        """End everything that still runs."""
        for process in self.processes:
            process.ends.clear()
            if process.alive:
                process.kill()
        for replica in self.replicas.values():
            replica.pool.cut()
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))


async def _begin(replica: Replica) -> None:
    replica.start()


async def _answer(replica: Replica, ask: Ask) -> Given | Exception | None:
    """What a replica answers; None when it dies before it does."""
    command = toy.Count(ask.counter_id, ask.places, ask.poison, ask.remind_s)
    asked = Asked(command, _OPERATOR, Cause(f"journey-{ask.key}"), Claim("simulated", ask.key, repr(command)))
    task: asyncio.Task[Any] = replica.process.spawn(replica.lanes.ask(asked, SETTINGS))
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may listen any more
    await asyncio.wait([task], timeout=0.2 + ask.places[0] % 3)  # some are soon tired of waiting, and ask another
    if not task.done():
        task.cancel()
        return None
    if task.cancelled() or not replica.process.alive:
        return None
    error = task.exception()
    return cast("Exception | None", error) or cast("Given", task.result())


async def _apply(tx: Tx, item: Incoming) -> None:
    """As `Service.apply`."""
    if isinstance(item.outcome, MalformedError):
        raise item.outcome
    await processing.handle(tx, [item.outcome], toy.handlers)


def _numbers(faults: list[Fault], kind: str) -> frozenset[int]:
    return frozenset(fault.nth for fault in faults if fault.kind == kind)
