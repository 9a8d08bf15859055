"""A lane: what waits while a batch runs is the next one, with a share for everybody and an end for what waits too long."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.commands.asked import Asked, Claim, Given, Outcome
from lutong_chassis.commands.lane import BATCH_BYTES_MAX, Lane
from lutong_chassis.database import new_cause
from lutong_chassis.problem import Problem
from lutong_chassis.testing import a_member

DONE = Given(200, "application/json", b"{}", None)


@dataclass
class Runner:
    """A runner of batches: each runs until it is let go."""

    batches: list[list[object]] = field(default_factory=list)
    outcome: Outcome = DONE
    open: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, batch: Sequence[Asked[object]]) -> Sequence[Outcome]:
        self.batches.append([asked.command for asked in batch])
        self.begun.set()
        await self.open.wait()
        return [self.outcome] * len(batch)


def a_command(
    command: object, who: Principal | None = None, key: str | None = None, size_bytes: int = 100
) -> Asked[object]:
    return Asked(command, who or a_member("bo"), new_cause(), Claim("scope", key, "hash"), size_bytes=size_bytes)


def a_lane(runner: Runner, commands_max: int = 100, wait_max_s: float = 60) -> Lane:
    return Lane("Count", runner.run, commands_max, wait_max_s)


async def test_a_lonely_command_waits_for_nobody() -> None:
    runner = Runner()
    runner.open.set()
    assert await a_lane(runner).ask(a_command("one")) == DONE
    assert runner.batches == [["one"]]


async def test_what_waits_while_a_batch_runs_is_the_next_batch() -> None:
    runner = Runner()
    lane = a_lane(runner)
    first = asyncio.create_task(lane.ask(a_command(0)))
    await runner.begun.wait()
    rest = [asyncio.create_task(lane.ask(a_command(n))) for n in range(1, 6)]
    await asyncio.sleep(0)
    runner.open.set()
    assert await asyncio.gather(first, *rest) == [DONE] * 6
    assert runner.batches == [[0], [1, 2, 3, 4, 5]]


async def test_a_batch_is_bounded_in_number_and_in_bytes() -> None:
    runner = Runner()
    runner.open.set()
    lane = a_lane(runner, commands_max=3)
    half = BATCH_BYTES_MAX // 2
    sizes = [1, 1, 1, half, half, half, 2 * BATCH_BYTES_MAX, 1]
    await asyncio.gather(*(lane.ask(a_command(n, size_bytes=size)) for n, size in enumerate(sizes)))
    assert runner.batches == [[0, 1, 2], [3, 4], [5], [6], [7]]


async def test_a_flood_of_one_leaves_others_their_share_of_each_batch() -> None:
    runner = Runner()
    runner.open.set()
    lane = a_lane(runner, commands_max=4)
    flood = [lane.ask(a_command(f"flood {n}")) for n in range(9)]
    others = [lane.ask(a_command(name, a_member(name))) for name in ("ann", "cy")]
    await asyncio.gather(*flood, *others)
    assert runner.batches[0] == ["flood 0", "ann", "cy", "flood 1"]
    assert [len(batch) for batch in runner.batches] == [4, 4, 3]


async def test_a_client_that_goes_away_while_it_waits_is_dropped() -> None:
    runner = Runner()
    lane = a_lane(runner)
    first = asyncio.create_task(lane.ask(a_command("first")))
    await runner.begun.wait()
    gone, stays = (asyncio.create_task(lane.ask(a_command(name, key=name))) for name in ("gone", "stays"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    runner.open.set()
    await asyncio.gather(first, stays)
    assert runner.batches == [["first"], ["stays"]]
    assert not lane.claimed


async def test_a_client_that_disconnects_during_its_batch_spoils_no_other_answer() -> None:
    runner = Runner()
    lane = a_lane(runner)
    gone, stays = (asyncio.create_task(lane.ask(a_command(name))) for name in ("gone", "stays"))
    await runner.begun.wait()
    gone.cancel()
    runner.open.set()
    assert await stays == DONE
    assert runner.batches == [["gone", "stays"]]


async def test_what_waits_too_long_is_refused_and_not_done() -> None:
    runner = Runner()
    lane = a_lane(runner, wait_max_s=0)
    first = asyncio.create_task(lane.ask(a_command("first")))
    runner.open.set()
    with pytest.raises(Problem) as raised:
        await first
    assert (raised.value.status, raised.value.kind, runner.batches) == (503, "overloaded", [])


async def test_a_key_that_is_in_progress_is_refused() -> None:
    runner = Runner()
    lane = a_lane(runner)
    first = asyncio.create_task(lane.ask(a_command("first", key="k")))
    await runner.begun.wait()
    with pytest.raises(Problem) as raised:
        await lane.ask(a_command("again", key="k"))
    assert raised.value.kind == "in_progress"
    runner.open.set()
    await first
    assert await lane.ask(a_command("later", key="k")) == DONE


async def test_a_stop_ends_the_batch_in_hand_and_refuses_what_waits() -> None:
    runner = Runner()
    lane = a_lane(runner)
    first = asyncio.create_task(lane.ask(a_command("first")))
    await runner.begun.wait()
    waits = asyncio.create_task(lane.ask(a_command("waits")))
    await asyncio.sleep(0)
    stopping = asyncio.create_task(lane.stop(60))
    await asyncio.sleep(0)
    runner.open.set()
    await stopping
    assert await first == DONE
    with pytest.raises(Problem, match="the service is stopping"):
        await waits
    assert runner.batches == [["first"]]


async def test_a_runner_that_dies_leaves_nobody_waiting() -> None:
    runner = Runner()
    lane = a_lane(runner)
    asked = asyncio.create_task(lane.ask(a_command("first")))
    await runner.begun.wait()
    assert lane.task is not None
    lane.task.cancel()
    with pytest.raises(Problem) as raised:
        await asked
    assert raised.value.status == 503
    runner.open.set()
    assert await lane.ask(a_command("next")) == DONE
