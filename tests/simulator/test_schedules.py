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

SCHEDULES = int(os.environ.get("SCHEDULES", "40"))
WITHIN = 400
"""Each mutant is found in fewer schedules than this; most in ten. What schedules have found is tried first."""
FIRST_READ_FAILS = Plan(46, 1, (Ask(0.14, 0, "key-2", "b", (4,)),), (Fault("unreadable", 2.0, 0, 25, 1.3),))
"""The first read of a new assignment fails behind records of another partition: they were passed over for good."""

POLL_OF_A_WAITING_CONSUMER_FAILS = Plan(
    587,
    2,
    (
        Ask(1.981, 1, "key-0", "c", (1,)),
        Ask(1.9796, 1, "key-1", "b", (2,), poison=True),
        Ask(1.974, 1, "key-2", "a", (3,)),
    ),
    (Fault("unreadable", 3.73, 1, 83, 2.0), Fault("database_away", 1.284, 1, 118, 2.57)),
)
"""A poll fails while a batch waits for its next try: its partitions passed records, or the batch itself was given up."""

FOUND = (FIRST_READ_FAILS, POLL_OF_A_WAITING_CONSUMER_FAILS)


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
        schedules = chain(FOUND, (plan(seed) for seed in range(1, WITHIN)))
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
