"""The feed keeps F1 to F4, F6 and F7 whatever happens in whatever order; each rule that is left out is missed by the promise it belongs to.

F5 and F8 are in `test_push_is_pull.py`. `PROMISE_STEPS=100000` looks longer.
"""

import os
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_feed.attribution import domain as attribution
from lutong_feed.engagements import store as engagements
from lutong_feed.interactions import domain as reports
from lutong_feed.interactions import store as interactions
from lutong_feed.paging import http as paging
from lutong_feed.placements import domain, originals, store
from lutong_feed.placements import http as placements
from lutong_feed.publishing import domain as publishing
from lutong_feed.reading import store as reading
from tests.integration.feed.promise_machine import Machine
from tests.model.shelf_promises import BrokenPromiseError
from tests.support.mutants import Mutant, leave_out

STEPS = int(os.environ.get("PROMISE_STEPS", "400"))
WORLD_STEPS = 400
"""After so many a new world begins: what was published long ago is walked to the end each time."""
CAUGHT_BY = 8_000
"""Within so many steps each rule that is left out is missed."""


class Broken(NamedTuple):
    """A rule that is left out, and the promise that misses it."""

    promise: str
    mutant: Mutant


MUTANTS = [
    Broken("F1", Mutant("what was deleted since is read on", store, "by_number", "AND post.deleted_at IS NULL AND", "AND")),
    Broken("F1", Mutant("what was limited since is read on", store, "by_number", 'AND {seen_by("$2")}', "")),
    Broken("F1", Mutant("who is blocked since is read on", store, "by_number",
                        "AND post.author_id <> ALL ((SELECT ids FROM apart)::text[])", "")),
    Broken("F1", Mutant("what is not for everybody leads to a program", store, "stand_ins", "AND post.audience = 'everybody'", "")),
    Broken("F1", Mutant("who is followed no more is read on", store, "by_number", "THEN post.author_id", "THEN true OR post.author_id")),
    Broken("F2", Mutant("a walk forgets what it showed", originals, "remembered", "[-SHOWN_MAX:]", "[:0]")),
    Broken("F2", Mutant("a page shows an original again", originals, "cut", "page.setdefault(original(row), row)",
                        "page.setdefault(row['number'], row)")),
    Broken("F2", Mutant("what repeats is dropped at once", originals, "cut", "unseen(rows, page)",
                        "[row for row in unseen(rows, page) if not row['root_number']]")),
    Broken("F2", Mutant("what was shown is paid for again", placements, "_chosen", "{*step.shown, *", "{*")),
    Broken("F2", Mutant("the next window begins behind its first", placements, "_windows", "window[-1]", "rows[-1]")),
    Broken("F3", Mutant("the newest come last", domain, "newest", "reverse=True", "reverse=False")),
    Broken("F3", Mutant("a cursor is good for anybody", paging, "walk", "who.member_id or who.identity, listing", "'x', 'x'")),
    Broken("F4", Mutant("a report that comes again counts again", interactions, "keep", "FROM fresh GROUP", "FROM {_ROW.unnest()} GROUP")),
    Broken("F4", Mutant("what was served to another counts", reports, "sifted", "report.touch, viewer_id", "report.touch, report.touch.split('~')[8]")),
    Broken("F6", Mutant("what is offline is shown", reading, "_POST_WITH_CARD", "OR state = 'active' AND offline_for IS NOT NULL", "")),
    Broken("F6", Mutant("who is blocked opens cards", engagements, "find", 'AND {not_apart("named.viewer_id", "post.author_id", "root.author_id")}', "")),
    Broken("F7", Mutant("a repost hangs at its parent", publishing, "edge_of", "below(post.post_id, post.parent_id, above.places)",
                        "Repost(post.post_id, post.parent_id, post.parent_id, 1)")),
    Broken("F7", Mutant("only the first reposts count", attribution, "funnel", "tree = tree.plus(stages)",
                        "tree = tree.plus(stages) if parents.get(spot.post_id) in (None, post_id) else tree")),
]  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """So a walk has several windows."""
    monkeypatch.setattr(domain, "WINDOW", 6)
    yield
    monkeypatch.undo()


async def lives(machine: Machine, steps: int) -> None:
    """So many steps, in one world after the other."""
    for done in range(0, steps, WORLD_STEPS):
        await machine.begin()
        await machine.run(min(WORLD_STEPS, steps - done))
        await machine.settle()


@pytest.mark.timeout(max(120, STEPS // 5))
async def test_the_feed_keeps_its_promises(client: httpx.AsyncClient, pool: Pool) -> None:
    machine = Machine(client, pool, Random(1))
    await lives(machine, STEPS)
    assert machine.ended > STEPS // 20
    assert machine.pages > STEPS // 5


@pytest.mark.timeout(600)
@pytest.mark.parametrize("broken", MUTANTS, ids=[f"{each.promise} {each.mutant.name}" for each in MUTANTS])
async def test_a_rule_that_is_left_out_is_missed(
    broken: Broken, client: httpx.AsyncClient, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_out(broken.mutant, monkeypatch)
    machine = Machine(client, pool, Random(2))
    with pytest.raises(BrokenPromiseError, match=f"^{broken.promise}: "):
        await lives(machine, CAUGHT_BY)
