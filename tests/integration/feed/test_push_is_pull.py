"""A kept timeline shows what its reader would read from the posts themselves, at every moment; each rule that is left out is missed.

`TIMELINE_STEPS=100000` looks longer.
"""

import os
import random
from collections.abc import Iterator

import pytest

from lutong_chassis.database import Pool, transaction
from lutong_feed.reading import store as reading
from lutong_feed.timelines import domain, handlers, readers, store
from tests.integration.conftest import forget_settings
from tests.integration.feed.timeline_machine import Machine, gaps
from tests.support.mutants import Mutant, leave_out

STEPS = int(os.environ.get("TIMELINE_STEPS", "1500"))
WORLD_STEPS = 5_000
"""After so many a new world begins: with each post all later reads cost more, and a hundred thousand steps would take a day."""
CAUGHT_BY = 12_000
"""Within so many steps each rule that is left out is missed."""


MUTANTS = [
    Mutant("what is pulled is not copied while follows are still pushed", store, "copy", "AND pushed AND follower_id",
           "AND pushed AND NOT EXISTS (SELECT FROM pulled_author AS p WHERE p.author_id = followee_id) AND follower_id"),
    Mutant("a chunk is copied twice", store, "copy", "ON CONFLICT DO NOTHING", ""),
    Mutant("a new follow takes nothing over", store, "merge", "USING (follower_id, followee_id)\n                ON CONFLICT",
           "USING (follower_id, followee_id) WHERE false\n                ON CONFLICT"),
    Mutant("a new follow takes only some over", store, "merge", "LIMIT $3 + 1", "LIMIT $3"),
    Mutant("who comes back has what was dropped", readers, "drop", "UPDATE follow SET pushed = false WHERE follower_id = ANY ($1) AND pushed",
           "SELECT FROM follow WHERE follower_id = ANY ($1)"),
    Mutant("what is forgotten is still followed", store, "forget",
           "NOT EXISTS (SELECT FROM follow WHERE pushed AND", "NOT EXISTS (SELECT FROM follow WHERE NOT pushed AND"),
    Mutant("what was unfollowed is read", reading, "TIMELINE", "AND EXISTS (SELECT FROM follow WHERE follower_id = $1 AND followee_id = post.author_id AND pushed)", ""),
    Mutant("what is for its author alone is read", reading, "TIMELINE", "AND (post.audience <> 'only_me' OR post.author_id = $1)", ""),
    Mutant("what is in two places counts twice", reading, "TIMELINE", "SELECT DISTINCT post_id", "SELECT post_id"),
    Mutant("what is under way is not read", reading, "TIMELINE", "WHERE NOT fanned", "WHERE false"),
    Mutant("what is below the floor is not read", reading, "TIMELINE", "(SELECT count(*) FROM kept) < $4", "false"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """So few accounts are many: authors change tiers at five followers, steps take two rows, twenty posts are kept,
    and five are too many to be looked at one by one."""
    for name, value in {"PULL_FROM": "5", "PUSH_BELOW": "4", "KEPT": "20"}.items():
        monkeypatch.setenv(f"LUTONG_TIMELINE_{name}", value)
    monkeypatch.setattr(domain, "CHUNK_MAX", 6)
    monkeypatch.setattr(domain, "CHUNK_MIN", 1)
    monkeypatch.setattr(handlers, "_FOLLOWS_MAX", 2)
    little = reading.TIMELINE.replace("LIMIT 1001", "LIMIT 5").replace("<= 1000", "<= 4")
    assert little.count("<= 4") == 2
    monkeypatch.setattr(reading, "TIMELINE", little)
    forget_settings()
    yield
    monkeypatch.undo()
    forget_settings()


@pytest.mark.timeout(max(120, STEPS // 5))
async def test_a_kept_timeline_is_the_pulled_one(pool: Pool) -> None:
    machine = Machine(pool, random.Random(1))
    await machine.begin()
    for done in range(0, STEPS, WORLD_STEPS):
        if done:
            await machine.forget()
        await machine.run(min(WORLD_STEPS, STEPS - done))
        await machine.settle()
        async with transaction(pool, readonly=True) as tx:
            assert await gaps(tx) == 0
            assert await tx.fetchval("SELECT count(*) FROM timeline_entry") > 0
            assert await tx.fetchval("SELECT count(*) FROM follow WHERE pushed") > 0
    assert machine.compared > STEPS // 10


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
async def test_a_rule_that_is_left_out_is_missed(mutant: Mutant, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out(mutant, monkeypatch)
    machine = Machine(pool, random.Random(2))
    await machine.begin()
    with pytest.raises(Exception):  # noqa: B017, PT011  # another timeline, or what the database refuses
        await machine.run(CAUGHT_BY)
