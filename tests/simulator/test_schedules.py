"""The chassis under schedules that a seed decides. `make simulate` runs more of them.

The control is the other half: bugs that relays and consumers have had, put back one by one, are each found. Where one is not found
within its schedules, schedules have become too tame to prove anything.
"""

import asyncio
import os
from collections.abc import Iterator
from itertools import chain

import pytest

from tests.conftest import Infrastructure
from tests.simulator.arena import Arena, an_arena
from tests.simulator.mutants import MUTANTS, put_back
from tests.simulator.plan import Ask, Fault, Plan, plan
from tests.simulator.virtual import StandstillError, VirtualLoop

SCHEDULES = int(os.environ.get("SCHEDULES", "25"))
WITHIN = 400
"""Each mutant is found in fewer schedules than this; most in ten."""
FIRST_READ_FAILS = Plan(46, 1, (Ask(0.14, 0, "key-2", "b", (4,)),), (Fault("unreadable", 2.0, 0, 25, 1.3),))
"""The first read of a new assignment fails behind records of another partition: they were passed over for good."""

POLL_OF_A_WAITING_CONSUMER_FAILS = Plan(
    595,
    1,
    (
        Ask(1.687705605626162, 1, "key-0", "a", (1, 2, 3, 4, 5, 6), remind_s=2.367093604556935),
        Ask(1.6999592863340236, 0, "key-1", "c", (7,)),
        Ask(1.490126874911188, 0, "key-2", "a", (9,), remind_s=1.9447825664419716),
    ),
    (
        Fault("database_away", 1.8225852512197316, 1, 83, 2.483899844249721),
        Fault("unreadable", 0.6407096276986104, 1, 38, 2.2199330278752862),
    ),
)
"""A poll fails while a batch waits for its next try: its partitions passed records, or the batch itself was given up."""

DATABASE_AWAY_AFTER_A_FIRST_READ_FAILED = Plan(
    3879,
    1,
    (Ask(0.2807947994000135, 0, "key-1", "a", (2,)),),
    (
        Fault("unreadable", 2.962359223932686, 0, 45, 1.738230018084323),
        Fault("database_away", 0.44230424239742205, 0, 30, 1.562078585822625),
    ),
)
"""Its partition had gone back to what is committed; when the look back failed, it was put where the failed read had come."""

FOUND = (FIRST_READ_FAILS, POLL_OF_A_WAITING_CONSUMER_FAILS, DATABASE_AWAY_AFTER_A_FIRST_READ_FAILED)
RARE = {
    "answers_twice": Plan(
        163,
        2,
        (
            Ask(1.8297303389603097, 0, "key-1", "b", (2,), remind_s=0.6412958847045571),
            Ask(1.8145537744481786, 0, "key-2", "c", (3,), remind_s=1.4392348743946686),
        ),
        (Fault("slow", 1.8615348941319954, 0, 86, 2.688873206271492),),
    ),
    "rewinds_one_partition": plan(206),
}
"""Schedules that find what few others find: they are tried first, so that no run has to look for long."""


@pytest.fixture(scope="module")
def arena(infrastructure: Infrastructure) -> Iterator[Arena]:
    with an_arena(infrastructure.admin_url, f"simulated_{os.getpid()}") as made:
        yield made


def test_no_schedule_breaks_a_promise(arena: Arena) -> None:
    for seed in range(1, SCHEDULES + 1):
        assert arena.run(plan(seed)).wrong == [], f"python -m tests.simulator --replay {seed}"


@pytest.mark.parametrize("name", MUTANTS)
def test_the_control_a_bug_that_is_put_back_is_found(name: str, arena: Arena) -> None:
    with put_back(name):
        schedules = chain([RARE[name]] if name in RARE else [], FOUND, (plan(seed) for seed in range(1, WITHIN)))
        assert any(arena.run(schedule).wrong for schedule in schedules), MUTANTS[name].story


def test_a_seed_replays_statement_by_statement(arena: Arena) -> None:
    first, again = arena.run(plan(11)), arena.run(plan(11))

    assert first.statements > 50
    assert first.trace == again.trace


def test_another_seed_is_another_schedule(arena: Arena) -> None:
    assert arena.run(plan(11)).trace != arena.run(plan(12)).trace


def test_a_failing_schedule_is_shrunk_to_what_matters(arena: Arena) -> None:
    with put_back("marks_before_the_acknowledgement"):
        seed = next(seed for seed in range(1, WITHIN) if arena.run(plan(seed)).wrong)
        smallest = arena.shrink(plan(seed), arena.run(plan(seed)).promises)

        assert smallest.size < plan(seed).size
        assert len(smallest.faults) <= 1
        assert arena.run(smallest).wrong

    assert arena.run(smallest).wrong == []


@pytest.mark.parametrize("found", FOUND)
def test_what_schedules_have_found_is_mended(found: Plan, arena: Arena) -> None:
    assert arena.run(found).wrong == []


def test_a_loop_that_turns_for_ever_is_found() -> None:
    async def spin() -> None:
        while True:  # noqa: ASYNC110  # that is the fault
            await asyncio.sleep(0)

    loop = VirtualLoop()
    spinning = loop.create_task(spin())
    with pytest.raises(StandstillError, match="no time passes"):
        loop.run_until_complete(spinning)
    spinning.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(spinning)
    loop.close()
