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
    1886,
    1,
    (
        Ask(0.7788469874288328, 0, "key-0", "b", (1, 2, 3, 4, 5, 6)),
        Ask(0.4800804670311606, 0, "key-1", "a", (7,)),
    ),
    (
        Fault("unreadable", 2.741209194366869, 0, 34, 1.3887238757163636),
        Fault("unreadable", 2.5008031696869564, 0, 36, 0.5078370539718777),
        Fault("database_away", 1.1528634222858956, 0, 24, 0.8908786338671473),
    ),
)
"""A poll fails while a batch waits for its next try: its partitions passed records, or the batch itself was given up."""

DATABASE_AWAY_AFTER_A_FIRST_READ_FAILED = Plan(
    6136,
    1,
    (Ask(0.461140188504782, 1, "key-6", "a", (13,)),),
    (
        Fault("unreadable", 0.3872670593451815, 0, 20, 0.4713936201499292),
        Fault("database_away", 1.1008660229025624, 0, 93, 1.873475603022552),
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
