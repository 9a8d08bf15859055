"""The chassis under schedules that a seed decides. `make simulate` runs more of them.

The control is the other half: bugs that relays and consumers have had, put back one by one, are each found. Where one is not found
within its schedules, schedules have become too tame to prove anything.
"""

import os
from collections.abc import Iterator
from itertools import chain

import pytest

from tests.conftest import Infrastructure
from tests.simulator.arena import Arena, an_arena
from tests.simulator.mutants import MUTANTS, put_back
from tests.simulator.plan import Ask, Fault, Plan, plan

SCHEDULES = int(os.environ.get("SCHEDULES", "25"))
WITHIN = 400
"""Each mutant is found in fewer schedules than this; most in ten."""
FIRST_READ_FAILS = Plan(46, 1, (Ask(0.14, 0, "key-2", "b", (4,)),), (Fault("unreadable", 2.0, 0, 25, 1.3),))
"""The first read of a new assignment fails behind records of another partition: they were passed over for good."""

POLL_OF_A_WAITING_CONSUMER_FAILS = Plan(
    973,
    2,
    (
        Ask(0.5961852111223592, 1, "key-0", "a", (1,)),
        Ask(0.15683211720577142, 0, "key-2", "b", (3,)),
        Ask(0.1476339326205715, 1, "key-3", "a", (9, 10, 11, 12, 13, 14), poison=True),
    ),
    (
        Fault("database_away", 0.6347581236989472, 1, 96, 0.8287290880968148),
        Fault("unreadable", 1.4028954738947128, 1, 88, 0.7791377447527317),
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
        227,
        2,
        (Ask(0.8481978335522221, 0, "key-0", "a", (1,)),),
        (Fault("slow", 0.33560054567622744, 0, 19, 1.2153729768434713),),
    ),
    "rewinds_one_partition": plan(201),
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
