"""Programs that are used, on days that pass; what is counted is compared with a count one by one."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from lutong_chassis import Received
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_received, deliver, in_transaction
from lutong_contracts import Event
from lutong_contracts.feed import CardTapped, ServiceSolved
from lutong_registry.handlers import handlers
from lutong_registry.rankings import store
from lutong_registry.rankings.domain import RETAINED_DAYS, Cohort, Span
from lutong_registry.rankings.store import DayRow

PROGRAMS: Final = ("tea", "cake")
VIEWERS: Final = tuple(f"v-{number}" for number in range(6))
LATE_DAYS: Final = 7
BEGIN: Final = datetime(2026, 11, 1, 15, 50, tzinfo=UTC)
"""Ten minutes before midnight in Shanghai."""
_SHANGHAI: Final = timedelta(hours=8)
_OPENED: Final = "opened"


class Use(NamedTuple):
    """A viewer used a program; `is_late`: so late that its day was closed when it came."""

    program_id: str
    day: date
    kind: str
    viewer_id: str
    is_late: bool


class Reported(NamedTuple):
    """A day as it was reported, and whether it was closed then."""

    row: DayRow
    closed: bool


@dataclass(slots=True)
class Machine:
    """The registry on a real database whose clock is the machine's, and beside it every use that there was."""

    pool: Pool
    rng: random.Random
    now: datetime = BEGIN
    uses: list[Use] = field(default_factory=list)
    reported: dict[tuple[str, date], Reported] = field(default_factory=dict)
    number: int = 0

    async def begin(self) -> None:
        """A world begins, and the one before is forgotten. Its now() comes before PostgreSQL's."""
        self.now = BEGIN
        self.uses.clear()
        self.reported.clear()
        async with in_transaction(self.pool) as tx:
            await tx.execute("TRUNCATE usage, usage_fact, usage_active, program_day")
        await self._set_clock()

    async def run(self, steps: int) -> None:
        """So many batches come; after each what is counted is looked at."""
        for number in range(steps):
            if self.rng.random() < 0.2:
                self.now += timedelta(hours=self.rng.choice((1, 10, 26)))
                await self._set_clock()
            await self._deliver()
            await self._compare_days()
            if number % 20 == 0:
                await self._compare_cohorts()
                await self._rebuild()

    async def _set_clock(self) -> None:
        await self.pool.execute("UPDATE clock.moment SET at = $1", self.now)

    async def _deliver(self) -> None:
        """Some uses, of today mostly."""
        fresh = [self._a_use() for _ in range(self.rng.randint(1, 4))]
        await deliver(self.pool, handlers, *fresh)

    def _a_use(self) -> Received[Event]:
        program_id, viewer_id = self.rng.choice(PROGRAMS), self.rng.choice(VIEWERS)
        kind = self.rng.choice((_OPENED, _OPENED, "solved"))
        at = self.now - timedelta(minutes=self.rng.choice((0, 0, 0, 15, 60 * self.rng.randint(1, 24 * 10))))
        event: Event = (
            CardTapped(viewer_id=viewer_id, post_id="p-1", program_id=program_id, version=1)
            if kind == _OPENED
            else ServiceSolved(viewer_id=viewer_id, post_id="p-1", program_id=program_id)
        )
        self.number += 1
        day, today = _day_of(at), _day_of(self.now)
        self.uses.append(Use(program_id, day, kind, viewer_id, is_late=(today - day).days > LATE_DAYS))
        return a_received(event, id=f"e-{self.number}")._replace(time=at)

    async def _compare_days(self) -> None:
        """G1 and G2, day by day."""
        today = _day_of(self.now)
        async with in_transaction(self.pool) as tx:
            rows = {
                (program_id, row.day): row
                for program_id in PROGRAMS
                for row in await store.days_of(
                    tx, program_id, Span(today - timedelta(days=20), today + timedelta(days=1))
                )
            }
        wanted = self._counted(today)
        for key in sorted({*rows, *wanted}):
            row, closed = rows.get(key), (today - key[1]).days > LATE_DAYS
            assert row is not None, f"G1 {key} was used, and nothing is counted"
            found = (row.opened, row.solved, row.users, row.adjusted)
            assert found == wanted.get(key), f"G1 {key} has {found}, and one by one {wanted.get(key)}"
            before = self.reported.get(key)
            if before is not None and _figures(before.row) != _figures(row):
                assert not before.closed, f"G2 {key} was closed as {before.row}, and is {row}"
                over = key[1] < today
                assert not over or row.version > before.row.version, f"G2 {key} changed under one version: {row}"
            self.reported[key] = Reported(row, closed)

    def _counted(self, today: date) -> dict[tuple[str, date], tuple[int, int, int, int]]:
        """Opened, solved, users and adjusted of each day, one by one."""
        wanted: dict[tuple[str, date], tuple[int, int, int, int]] = {}
        for key in {use[:2] for use in self.uses if (today - use.day).days <= 20}:
            of = [use for use in self.uses if use[:2] == key]
            kinds = Counter(use.kind for use in of if not use.is_late)
            users = {use.viewer_id for use in of if use.kind == _OPENED and not use.is_late}
            wanted[key] = (kinds[_OPENED], kinds["solved"], len(users), sum(use.is_late for use in of))
        return wanted

    async def _compare_cohorts(self) -> None:
        """G3: of those new on a day some come back, and nobody else is among them."""
        program_id, today = self.rng.choice((*PROGRAMS, None)), _day_of(self.now)
        async with in_transaction(self.pool) as tx:
            found = await store.cohorts(tx, Span(_day_of(BEGIN) - timedelta(days=11), today), program_id, RETAINED_DAYS)
        days: dict[str, set[date]] = {}
        for use in self.uses:
            if use.kind == _OPENED and not use.is_late and program_id in {None, use.program_id}:
                days.setdefault(use.viewer_id, set()).add(use.day)
        wanted = [self._cohort(day, list(days.values())) for day in sorted({min(each) for each in days.values()})]
        assert found == [each for each in wanted if each.day < today], f"G3 {found}, and one by one {wanted}"

    def _cohort(self, day: date, viewers: Sequence[set[date]]) -> Cohort:
        new, later = [days for days in viewers if min(days) == day], day + timedelta(days=RETAINED_DAYS)
        return Cohort(day, len(new), sum(later in days for days in new), sum(max(days) >= later for days in new))

    async def _rebuild(self) -> None:
        """G1: to count from the facts again changes nothing, and the counts are those of all uses."""
        assert await self.pool.fetchval("SELECT rebuild_usage()") == 0, "G1 what is counted is not what its facts give"
        for program_id in PROGRAMS:
            kinds = Counter(use.kind for use in self.uses if use.program_id == program_id)
            row = await self.pool.fetchrow("SELECT opened, solved FROM usage WHERE program_id = $1", program_id)
            found = tuple(row) if row else (0, 0)
            assert found == (kinds[_OPENED], kinds["solved"]), f"G1 {program_id} has {found}, and one by one {kinds}"


CLOCK: Final = """
CREATE SCHEMA clock;
CREATE TABLE clock.moment (at timestamptz);
INSERT INTO clock.moment VALUES (now());
CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM clock.moment';
"""


async def set_clock(pool: Pool) -> None:
    """Have the database ask the machine's clock, from its next connections on."""
    await pool.execute(CLOCK)
    name = await pool.fetchval("SELECT current_database()")
    await pool.execute(f'ALTER DATABASE "{name}" SET search_path TO clock, pg_catalog, public')
    await pool.expire_connections()


def _day_of(moment: datetime) -> date:
    """The day in Shanghai, whose clock is never changed."""
    return (moment + _SHANGHAI).date()


def _figures(row: DayRow) -> tuple[int, ...]:
    return row.opened, row.solved, row.users
