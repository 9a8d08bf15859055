"""A loop that ends is started again, and one that never works is seen."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest
from prometheus_client import REGISTRY

from lutong_chassis import supervise
from lutong_chassis.errors import StrayCancellationError
from lutong_chassis.settings import Settings
from lutong_chassis.startup import until_it_works
from lutong_chassis.supervise import Loops, cancelled_by_us, stop
from tests.support.harness import until

DELAY_MAX_S = 0.01


@asynccontextmanager
async def running(loops: Loops, name: str, run: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    task = asyncio.create_task(loops.supervised(name, run))
    try:
        yield
    finally:
        await stop([task])
        assert task.cancelled()


class Loop:
    """Fails so often, and then runs for ever."""

    def __init__(self, failures: float, error: BaseException | None) -> None:
        self.failures = failures
        self.error = error
        self.runs = 0

    async def __call__(self) -> None:
        self.runs += 1
        if self.runs <= self.failures:
            if self.error:
                raise self.error
            return
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    "error",
    [
        None,
        ZeroDivisionError(),
        asyncpg.ReadOnlySQLTransactionError("25006"),
        TimeoutError(),
        asyncio.CancelledError(),  # a library's own: nobody cancelled the loop
    ],
)
async def test_a_loop_that_ends_or_fails_is_started_again(error: BaseException | None) -> None:
    loop, name = Loop(3, error), f"again {type(error).__name__}"
    async with running(Loops(DELAY_MAX_S, 60), name, loop):

        async def runs() -> bool:
            return loop.runs == 4

        await until(runs, "the loop runs for the fourth time")
    assert REGISTRY.get_sample_value("lutong_loop_restarts_total", {"loop": name}) == 3


async def test_a_loop_that_fails_by_our_fault_is_named() -> None:
    loops = Loops(DELAY_MAX_S, 60)
    async with running(loops, "bad", Loop(float("inf"), ZeroDivisionError())):

        async def named() -> bool:
            return "ZeroDivisionError" in loops.failing().get("bad", "")

        await until(named, "the loop is named with its error")

        assert loops.stuck is None
        loops.stuck_after_s = 0.05

        async def is_stuck() -> bool:
            return "bad fails again and again" in (loops.stuck or "")

        await until(is_stuck, "it is why the process should be restarted")


async def test_a_loop_that_waits_for_the_database_is_no_reason_to_restart() -> None:
    loops, loop = Loops(DELAY_MAX_S, 0), Loop(float("inf"), asyncpg.ReadOnlySQLTransactionError("25006"))
    async with running(loops, "waits", loop):

        async def tried() -> bool:
            return loop.runs > 5

        await until(tried, "the loop was tried again and again")
        assert (loops.failing(), loops.stuck) == ({}, None)


async def test_a_loop_that_works_again_is_named_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "_STEADY_S", 0.05)
    loops = Loops(DELAY_MAX_S, 60)
    async with running(loops, "mended", Loop(3, ZeroDivisionError())):

        async def named() -> bool:
            return bool(loops.failing())

        async def well() -> bool:
            return not loops.failing()

        await until(named, "it is named")
        await until(well, "it is named no more")


async def test_a_start_survives_the_cancellation_of_a_library() -> None:
    """It would end the process: aiokafka may raise it where a start that failed is cleared away."""
    tries = Loop(2, asyncio.CancelledError())
    settings = Settings.model_construct(retry_delay_max_s=DELAY_MAX_S)
    starts = asyncio.create_task(until_it_works("consumer group", tries, settings))

    async def runs() -> bool:
        return tries.runs == 3

    await until(runs, "it is tried again")
    starts.cancel()  # the control: a cancellation of ours ends it
    await asyncio.wait([starts])
    assert starts.cancelled()


async def test_a_cancellation_within_a_timeout_is_ours() -> None:
    async def waits() -> None:
        with cancelled_by_us():
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waits(), 0.01)
    with pytest.raises(StrayCancellationError), cancelled_by_us():
        raise asyncio.CancelledError
