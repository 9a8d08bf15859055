"""A few programs in which anything may happen in any order; what words lead to is compared with the plainest answer."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from lutong_chassis import Tx
from lutong_chassis.database import Pool, transaction
from lutong_console.verify.releases import EVENTS, Expected
from lutong_contracts.gray import STEPS
from lutong_registry.discovery import store as discovery_store
from lutong_registry.discovery.domain.posts import sentences_in
from lutong_registry.programs import domain as programs
from lutong_registry.programs import hosting, moves
from lutong_registry.programs import store as program_store
from lutong_registry.programs.bodies import Manifest
from lutong_registry.programs.domain import Change, Program, Refusal, Version
from lutong_registry.programs.store import ProgramRow, SubmittedRow
from lutong_registry.releases import domain
from lutong_registry.releases.domain import Wanted, rest
from lutong_registry.search.http import search
from lutong_registry.search.store import listings, questions

PROGRAMS: Final = [f"g-{number}" for number in range(10)]
_PLACES: Final = ("城东", "城西", "滨江")
_MATTERS: Final = ("公积金提取", "社保缴费", "居住证办理")
_OFTEN: Final = {
    "submit": 8, "admit": 3, "approve": 8, "reject": 1, "withdraw": 1, "resubmit": 1, "gray": 2, "release": 8, "take_back": 2, "forbid": 2,
    "suspend": 2, "resume": 4, "index": 1,
}  # fmt: skip


_PLENTY: Final = rest([], datetime(2026, 11, 29, 4, tzinfo=UTC))


@dataclass(slots=True)
class Life:
    """A program as the plain answer knows it: its events folded, the titles of its versions, which passed their second audit."""

    events: Expected = field(default_factory=lambda: Expected(from_the_first=True))
    titles: dict[int, str] = field(default_factory=dict)
    approved: set[int] = field(default_factory=set)
    suspended: bool = False

    @property
    def found(self) -> int | None:
        """The version that words lead to: released, approved, and of a program that is open."""
        released = next((number for number, state in self.events.states.items() if state == "released"), None)
        return released if released in self.approved and not self.suspended else None


@dataclass(slots=True)
class Machine:
    """The registry on a real database, and beside it what became of each program."""

    pool: Pool
    rng: random.Random
    lives: dict[str, Life] = field(default_factory=dict)
    compared: int = 0

    async def begin(self) -> None:
        """A world begins, and the one before is forgotten."""
        self.lives = {program_id: Life() for program_id in PROGRAMS}
        async with transaction(self.pool) as tx:
            await tx.execute("TRUNCATE merchant, mark, word CASCADE")
            await tx.execute("INSERT INTO merchant (merchant_id, name) VALUES ('brand', 'brand')")
            await program_store.register_programs(tx, [ProgramRow(each, "brand") for each in PROGRAMS])

    async def run(self, steps: int) -> None:
        """So many things happen; after each some words are asked for."""
        for number in range(steps):
            async with transaction(self.pool) as tx:
                await self._step(tx)
                await self._compare(tx)
                if number % 50 == 0:
                    await self._count(tx)

    async def _step(self, tx: Tx) -> None:
        program_id = self.rng.choice(PROGRAMS)
        (action,) = self.rng.choices(list(_OFTEN), list(_OFTEN.values()))
        if action == "index":
            await listings.refresh_listings(tx, PROGRAMS)
            return
        program = (await program_store.lock_programs(tx, [program_id]))[program_id]
        decided = self._decide(program, action)
        if isinstance(decided, Refusal):
            return
        if action == "submit":
            (version,) = decided.versions
            manifest = Manifest(title=version.title, page=version.page, keywords=[version.title[2:]])
            await program_store.add_versions(tx, [SubmittedRow(program_id, version.number, manifest.model_dump_json())])
            self.lives[program_id].titles[version.number] = version.title
        elif action in {"suspend", "resume"}:
            await program_store.save_suspension(tx, program_id, "fraud_found" if action == "suspend" else None)
            self.lives[program_id].suspended = action == "suspend"
        else:
            await moves.save(tx, {program_id: decided})
        self._note(program_id, decided)

    def _decide(self, program: Program, action: str) -> Change | Refusal:
        newest = len(program.versions)
        number = max(1, newest - self.rng.choice((0, 0, 0, 0, 1, 2)))
        title = f"{self.rng.choice(_PLACES)}{self.rng.choice(_MATTERS)}"
        percent = self.rng.choice(STEPS)
        commands: dict[str, Callable[[], Change | Refusal]] = {
            "submit": lambda: programs.submit(program, Version(newest + 1, "submitted", title, "pages/index", ())),
            "admit": lambda: domain.admit(program, number),
            "approve": lambda: programs.approve(program, number),
            "reject": lambda: programs.reject(program, number, "because"),
            "withdraw": lambda: domain.withdraw(program, number, _PLENTY),
            "resubmit": lambda: domain.resubmit(program, number),
            "gray": lambda: domain.gray(program, number, Wanted(percent), f"s-{percent}"),
            "release": lambda: hosting.release(program, number),
            "take_back": lambda: domain.take_back(program, number, None, "merchant", "wrong_prices"),
            "forbid": lambda: domain.force_offline(program, number, "false_promises"),
            "suspend": lambda: programs.suspend(program, "fraud_found"),
            "resume": lambda: programs.resume(program),
        }
        return commands[action]()

    def _note(self, program_id: str, decided: Change) -> None:
        life = self.lives[program_id]
        for event in decided.events:
            if event.type not in EVENTS:
                continue
            data = event.model_dump(mode="json")
            life.events.take(event.type, data)
            if event.type.endswith("version-approved.v1"):
                life.approved.add(data["version"])
            elif event.type.endswith(("version-submitted.v1", "version-withdrawn.v1")):
                life.approved.discard(data["version"])

    async def _compare(self, tx: Tx) -> None:
        """R5: a title that some version has or had leads to what is released, approved and open, and to nothing else; also at its first commit."""
        known = sorted({title for life in self.lives.values() for title in life.titles.values()})
        if not known:
            return
        title = self.rng.choice(known)
        found = {key: life.found for key, life in self.lives.items() if life.found}
        named = {key: number for key, number in found.items() if self.lives[key].titles[number] == title}
        way = self.rng.choice((self._searched, self._matched, self._suggested))
        answer = await way(tx, title)
        titles = {self.lives[key].titles[number] for key, number in found.items()}
        wrong = {key: n for key, n in answer.items() if (found.get(key) != n if n else key not in titles)}
        assert not wrong, f"R5 {title} leads to {wrong}, of {found}"
        missing = {key: n for key, n in named.items() if answer.get(key) != n} if None not in answer.values() else {}
        assert not missing, f"R5 {title} does not lead to {missing}"
        self.compared += bool(answer)

    async def _searched(self, tx: Tx, title: str) -> dict[str, int | None]:
        hits = await search(tx, title, 50)
        assert all(hit.listing.title == self.lives[hit.listing.program_id].titles[hit.listing.version] for hit in hits)
        return {hit.listing.program_id: hit.listing.version for hit in hits}

    async def _matched(self, tx: Tx, title: str) -> dict[str, int | None]:
        post = f"{title}怎么办理"
        met = await discovery_store.matches(tx, {post: sentences_in(post)})
        return {each.listing.program_id: each.listing.version for each in met.get(post, ())}

    async def _suggested(self, tx: Tx, title: str) -> dict[str, int | None]:
        """Suggestions have no programs: titles, each of some program that may be found."""
        return dict.fromkeys(await questions.titles(tx, title[:2], 20))

    async def _count(self, tx: Tx) -> None:
        """G1: how many listings have each mark is what a count of the listings gives."""
        wrong = await tx.fetch(
            """
            SELECT mark, counted.listings, known.listings
              FROM (SELECT mark, count(*) AS listings FROM listing CROSS JOIN LATERAL unnest(marks) AS mark GROUP BY mark
                     UNION ALL SELECT 0, count(*) FROM listing HAVING count(*) > 0) AS counted
              FULL JOIN (SELECT mark, listings FROM mark WHERE listings <> 0) AS known USING (mark)
             WHERE counted.listings IS DISTINCT FROM known.listings
            """
        )
        assert not wrong, f"G1 {len(wrong)} marks are counted otherwise than they are: {wrong[0]}"
