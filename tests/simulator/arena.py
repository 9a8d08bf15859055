"""Where schedules run: a database of their own, cleaned between two of them; and how a failing one is made smaller."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Final, NamedTuple

import asyncpg

from lutong_chassis import migrate, startup
from lutong_chassis.testing import create_database, drop_database, migrate_database
from tests.simulator import toy
from tests.simulator.engine import Engine
from tests.simulator.patched import silence, simulated
from tests.simulator.plan import Plan
from tests.simulator.world import World

_CLEAN: Final = ";".join(f"DELETE FROM {table}" for table in toy.EMPTIED)
_VACUUM: Final = f"TRUNCATE {', '.join(toy.EMPTIED)}"
_VACUUM_EVERY: Final = 200
_COLLECT_EVERY: Final = 100
_TRIES_MAX: Final = 400


class Found(NamedTuple):
    """What is wrong after a schedule (nothing: []), how many statements it took, a hash of all of them, and notes."""

    wrong: list[str]
    statements: int
    trace: str
    notes: list[str]

    @property
    def promises(self) -> frozenset[str]:
        """The names of the promises that are broken."""
        return frozenset(sentence.partition(":")[0] for sentence in self.wrong)


class Arena:
    """Runs schedules, one after the other, on one database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.runs = 0

    def run(self, plan: Plan) -> Found:
        """One schedule, from clean tables. The same plan gives the same each time."""
        self.engine.tell(_CLEAN if self.runs % _VACUUM_EVERY else _VACUUM)
        self.runs += 1
        if self.runs % _COLLECT_EVERY == 0:
            gc.collect()
        before, self.engine.trace = self.engine.statements, sha256()
        world = World(plan, self.engine)
        with simulated(world.loop, plan.seed):
            wrong = world.run()
        return Found(wrong, self.engine.statements - before, self.engine.trace.hexdigest(), world.history.notes)

    def shrink(self, plan: Plan, promises: frozenset[str]) -> Plan:
        """The smallest schedule that was found to break one of the same promises."""
        tries, smaller = 0, True
        while smaller and tries < _TRIES_MAX:
            smaller = False
            for simpler in plan.simpler():
                tries += 1
                if simpler.size < plan.size and self.run(simpler).promises & promises:
                    plan, smaller = simpler, True
                    break
                if tries >= _TRIES_MAX:
                    break
        return plan


@contextmanager
def an_arena(admin_url: str, name: str) -> Iterator[Arena]:
    """A fresh database with the chassis's tables; dropped at the end."""
    with silence():
        engine = Engine(asyncio.run(_make(admin_url, name)))
        gc.collect()
        gc.freeze()  # modules stay: no collection needs to look at them
        gc.disable()  # between schedules it runs: `Arena.run`
        try:
            yield Arena(engine)
        finally:
            gc.unfreeze()
            gc.enable()
            engine.close()
            asyncio.run(drop_database(admin_url, name))


async def _make(admin_url: str, name: str) -> str:
    url = await create_database(admin_url, name)
    await migrate_database(url, migrate.migrations("chassis", startup.CHASSIS_MIGRATIONS))
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(toy.TABLES)
    finally:
        await connection.close()
    return url
