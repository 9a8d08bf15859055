"""What is counted of programs is what their events give, late days are restated, and cohorts hold together; each rule that is left out is missed.

`USAGE_STEPS=100000` looks longer.
"""

import os
from random import Random

import pytest

from lutong_chassis.database import Pool
from lutong_registry.rankings import store as rankings
from lutong_registry.usage import store as usage
from tests.integration.registry.usage_machine import Machine, set_clock
from tests.support.mutants import Mutant, leave_out

STEPS = int(os.environ.get("USAGE_STEPS", "300"))
WORLD_STEPS = 150
"""After so many a new world begins: with each use all later counts, one by one, cost more."""
CAUGHT_BY = 1_500
"""Within so many steps each rule that is left out is missed."""

MUTANTS = [
    Mutant("G1 who comes twice on a day counts twice", rankings, "keep_active", "FROM kept WHERE is_new", "FROM kept"),
    Mutant("G1 who comes twice on a day and is new replaces all", rankings, "keep_active", "known.users + excluded.users", "excluded.users"),
    Mutant("G1 uses of a batch count once", usage, "count_usage", "count(*), 1 FROM fact", "1, 1 FROM fact"),
    Mutant("G2 who comes to a closed day counts", rankings, "keep_active", "each.day >= today", "True or today"),
    Mutant("G3 all who were there are new", rankings, "cohorts", "min(day) AS day", "max(day) AS day"),
    Mutant("G3 who was there on the sixth day came back", rankings, "cohorts", "used.day >= fresh.day + $4", "used.day >= fresh.day - 1 + $4"),
]  # fmt: skip
TRIGGER = {
    "G1 days are those of UTC": ("'Asia/Shanghai')::date AS local_day", "'UTC')::date AS local_day"),
    "G2 a closed day is restated": ("local_day >= today - 7", "true"),
    "G2 the eighth day is late still": (">= today - 7)", ">= today - 8)"),
    "G2 a day that is restated keeps its version": ("known.day >= today - 7)::integer", "false)::integer"),
    "G2 what comes too late is lost": ("WHERE local_day < today - 7)", "WHERE false)"),
}
"""Rules of the trigger that counts days, by what stands for each in its source, and what stands there instead."""


async def walk(pool: Pool, seed: int, steps: int) -> None:
    """One world after the other."""
    machine = Machine(pool, Random(seed))
    await set_clock(pool)
    for done in range(0, steps, WORLD_STEPS):
        await machine.begin()
        await machine.run(min(WORLD_STEPS, steps - done))


@pytest.mark.timeout(max(120, STEPS // 5))
async def test_counts_are_what_their_events_give(pool: Pool) -> None:
    await walk(pool, 1, STEPS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
async def test_a_rule_that_is_left_out_is_missed(mutant: Mutant, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out(mutant, monkeypatch)
    with pytest.raises(AssertionError, match=r"G1|G2|G3"):
        await walk(pool, 2, CAUGHT_BY)


@pytest.mark.parametrize("name", TRIGGER)
async def test_a_rule_of_the_trigger_that_is_left_out_is_missed(name: str, pool: Pool) -> None:
    old, new = TRIGGER[name]
    source = await pool.fetchval("SELECT pg_get_functiondef('count_days_of_facts'::regproc)")
    assert old in source
    await pool.execute(source.replace(old, new))
    with pytest.raises(AssertionError, match=r"G1|G2"):
        await walk(pool, 2, CAUGHT_BY)
