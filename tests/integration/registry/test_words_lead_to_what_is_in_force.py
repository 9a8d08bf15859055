"""Search, suggestions and discovery show what is released, approved and open, from the commit on; each rule that is left out is missed.

`LISTING_STEPS=100000` looks longer.
"""

import os
from random import Random

import pytest

from lutong_chassis.database import Pool
from lutong_registry.discovery import store as discovery
from lutong_registry.programs import moves
from lutong_registry.programs import store as programs
from lutong_registry.search.store import listings, questions
from tests.integration.registry.listing_machine import Machine
from tests.support.mutants import Mutant, leave_out

STEPS = int(os.environ.get("LISTING_STEPS", "400"))
WORLD_STEPS = 1_000
"""After so many a new world begins: with each version all later steps cost more."""
CAUGHT_BY = 3_000
"""Within so many steps each rule that is left out is missed."""

_IN_FORCE = "AND EXISTS (SELECT FROM version WHERE version.program_id = listing.program_id AND state = 'released')"
MUTANTS = [
    Mutant("R5 what is forced offline is found", moves, "save", "await search_store.hide(tx, ", "("),
    Mutant("R5 what was taken back is found", moves, "save", "await search_store.refresh_listings(tx, changes)", "pass"),
    Mutant("R5 what is suspended is found", programs, "save_suspension", "        reason is None,", "        True,"),
    Mutant("R5 what is resumed is found though it is forced offline", programs, "save_suspension", _IN_FORCE, ""),
    Mutant("R5 a release lifts the suspension", listings, "_released", "suspended_for IS NULL AS visible", "true AS visible"),
    Mutant("R5 what is admitted only is found", listings, "_released", "NOT admitted_only AND {OF_PEOPLE} AS found", "{OF_PEOPLE} AS found"),
    Mutant("R5 the version is that of before", listings, "_save_listings", "version = excluded.version,", ""),
    Mutant("R5 the words are those of before", listings, "_save_listings", "marks = excluded.marks,", ""),
    Mutant("R5 the names are those of before", listings, "_save_listings", "title_key = excluded.title_key,", ""),
    Mutant("R5 what is hidden is suggested", questions, "titles", "WHERE visible AND title_key", "WHERE title_key"),
    Mutant("R5 a name leads to what is hidden", discovery, "_shown", "WHERE visible AND program_id", "WHERE program_id"),
    Mutant("R5 a new name is not looked up", listings, "_save_calls", "_names(after)", "_names(before)"),
    Mutant("G1 marks that are gone are counted", listings, "_count_marks", 'change.subtract(row["marks"])', "pass"),
    Mutant("G1 a listing counts with each version", listings, "_count_marks", 'not row["counted"]', "True"),
]  # fmt: skip


async def walk(machine: Machine, steps: int) -> None:
    """One world after the other."""
    for done in range(0, steps, WORLD_STEPS):
        await machine.begin()
        await machine.run(min(WORLD_STEPS, steps - done))


@pytest.mark.timeout(max(120, STEPS // 5))
async def test_words_lead_to_what_is_in_force(pool: Pool) -> None:
    machine = Machine(pool, Random(1))
    await walk(machine, STEPS)
    assert machine.compared > STEPS // 4


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
async def test_a_rule_that_is_left_out_is_missed(mutant: Mutant, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out(mutant, monkeypatch)
    with pytest.raises(AssertionError, match=r"R5|G1"):
        await walk(Machine(pool, Random(2)), CAUGHT_BY)
