"""Light stores as their rules have them: versions come and go, merchants edit, programs are changed by hand, rows are mended."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

from lutong_console.verify import light_stores as second
from lutong_registry.light_stores.domain import rollouts as domain
from lutong_registry.light_stores.domain.rendering import Fields, canonical
from lutong_registry.light_stores.domain.rollouts import Rollout
from lutong_registry.light_stores.manifests import Made, made, problems
from lutong_registry.light_stores.releasing import Change
from lutong_registry.light_stores.rolling import Tried, revert, upgrade
from lutong_registry.light_stores.store.stores import LightStore
from lutong_registry.programs import domain as programs
from lutong_registry.programs.domain import Program, Refusal, Version
from tests.model.shelf_promises import BrokenPromiseError
from tests.model.shelves import Without

STORES: Final = 12
FIRST: Final[dict[str, Any]] = {
    "title": "屈臣氏 {store_name}",
    "page": "shop?s={store_id}",
    "keywords": [],
    "offers_of": "brand",
}
AT_ONCE: Final = 3


@dataclass(slots=True)
class LightStores:
    """Stores with their programs, the versions of their template, and the rules that are left out."""

    rng: Random
    without: Without = frozenset()
    bodies: dict[int, Fields] = field(default_factory=lambda: {1: FIRST})
    stores: dict[str, LightStore] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=dict)
    manifests: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    rollout: Rollout | None = None
    before: dict[str, int] = field(default_factory=dict)
    """The versions that stores had when the rollout began."""
    by_hand: dict[str, int] = field(default_factory=dict)
    """Versions that people released by the usual commands; only an edit replaces one."""
    changes: int = 0

    def __post_init__(self) -> None:
        for number in range(STORES):
            name = f"s-{number}"
            store = LightStore(
                "t", name, "brand", f"p-{number}", number, f"店{number}", None, None, "{}", "{}", 1, None, 0, "", "",
                attached=True, rollout_id=None, problem=None,
            )  # fmt: skip
            self.programs[store.program_id] = Program(store.program_id, "brand", None)
            result = made(FIRST, store.row, {})
            assert isinstance(result, Made)
            self._release(Change(store._replace(digest=result.digest), result.json))

    def step(self) -> None:
        """Something happens."""
        self.rng.choice(
            (self.submit, self.start, self.roll, self.roll, self.roll, self.roll, self.stop, self.edit, self.change, self.mend, self.detach)
        )()  # fmt: skip
        self.check()

    def submit(self) -> None:
        """A version is handed in and approved; one in three fits short names only."""
        title = self.rng.choice(("新 {store_name}", "屈臣氏{store_name}", "{store_name}" * 8))
        keywords = [f"词{self.rng.randint(0, 3)}"]
        self.bodies[max(self.bodies) + 1] = FIRST | {"title": title, "keywords": keywords}

    def start(self) -> None:
        """A rollout begins, unless one is under way."""
        if self.rollout is None:
            now = datetime(2026, 1, 1, tzinfo=UTC)
            version = self.rng.choice(list(self.bodies))
            self.before = {name: store.version for name, store in self.stores.items()}
            self.rollout = Rollout(
                f"r-{self.changes}-{version}-{self.rng.random()}", "t", version, "running", 0, 0, 0, self.rng.choice((0, 0, 2)),
                now, 0, 0, 0, 0, 0, None, None,
            )  # fmt: skip

    def roll(self) -> None:
        """The job takes a step."""
        if self.rollout is None:
            return
        if self.rollout.state == "running":
            self._forward(self.rollout)
        else:
            self._back(self.rollout)

    def stop(self) -> None:
        """It is stopped by hand."""
        if self.rollout is not None and self.rng.random() < 0.3:
            self.rollout = replace(self.rollout, state="reverting")

    def edit(self) -> None:
        """A merchant edits a store; what its program was changed to by hand is replaced."""
        store = self._some()
        edits = self.rng.choice(({}, {"title": f"我的{self.rng.randint(0, 9)}"}, {"description": "地铁口"}))
        result = made(self.bodies[store.version], store.row, edits)
        if isinstance(result, Made):
            self.by_hand.pop(store.program_id, None)
            self._release(Change(store._replace(edits=canonical(edits).decode(), digest=result.digest), result.json))

    def change(self) -> None:
        """A program is changed by the usual commands."""
        store = self._some()
        if self.rng.random() < 0.3:
            manifest: dict[str, Any] = {"title": f"手工{self.changes}", "page": "own", "offers": [], "offers_of": None}
            self.by_hand[store.program_id] = self._put(store.program_id, manifest)

    def mend(self) -> None:
        """The brand changes a store's row: its name is longer, or shorter."""
        store = self._some()
        wanted = store._replace(name=self.rng.choice(("店", "一家名字很长的店铺分店")))
        result = made(self.bodies[wanted.version], wanted.row, wanted.edited)
        if isinstance(result, Made) and store.program_id not in self.by_hand:
            self._release(Change(wanted._replace(digest=result.digest), result.json))

    def detach(self) -> None:
        """A store leaves, now and then."""
        store = self._some()
        if self.rng.random() < 0.02:
            self.stores[store.store_id] = store._replace(attached=False)

    def _forward(self, rollout: Rollout) -> None:
        waiting = [
            store for store in self.stores.values()
            if store.attached and store.version != rollout.version and store.rollout_id != rollout.rollout_id
        ][:AT_ONCE]  # fmt: skip
        if not waiting:
            self.rollout = None
            return
        tried = self._upgrade(waiting, rollout)
        if "guard" not in self.without and domain.exceeds(rollout, len(tried.failures)):
            self.rollout = replace(rollout, state="reverting")
            return
        for change in tried.changes:
            self._release(change)
        failed = {failure.store_id for failure in tried.failures}
        left = [*tried.left, *(s._replace(rollout_id=rollout.rollout_id) for s in waiting if s.store_id in failed)]
        self.stores |= {store.store_id: store for store in left}
        self.rollout = replace(rollout, errors=rollout.errors + len(tried.failures))
        if self.rollout.errors > rollout.errors_max:
            raise BrokenPromiseError("R8 a rollout went on with more failures than it bears")

    def _upgrade(self, stores: list[LightStore], rollout: Rollout) -> Tried:
        shown = [store._replace(edits="{}") for store in stores] if "edits" in self.without else stores
        tried = upgrade(shown, self._seen(), rollout, self.bodies)
        kept = {store.store_id: store.edits for store in stores}
        changes = [
            Change(each.store._replace(edits=kept[each.store.store_id]), each.manifest) for each in tried.changes
        ]
        return tried._replace(changes=changes)

    def _back(self, rollout: Rollout) -> None:
        upgraded = [
            store for store in self.stores.values()
            if store.attached and store.rollout_id == rollout.rollout_id and store.former_version is not None
            and store.version == rollout.version
        ][:AT_ONCE]  # fmt: skip
        if "former" in self.without:
            upgraded = [store._replace(former_version=1) for store in upgraded]
        tried = revert(upgraded, self._seen(), self.bodies)
        for change in tried.changes:
            self._release(change)
        self.stores |= {store.store_id: store for store in tried.left}
        if not upgraded:
            self.rollout = None
            self._came_back(rollout)

    def _came_back(self, rollout: Rollout) -> None:
        tried = [each for each in self.stores.values() if each.attached and each.rollout_id == rollout.rollout_id]
        for store in tried:
            if not store.problem and store.version != self.before[store.store_id]:
                raise BrokenPromiseError(f"R8 {store.store_id} has {store.version} after the way back")

    def _seen(self) -> dict[str, Program]:
        """Programs as an upgrade sees them."""
        if "by_hand" not in self.without:
            return self.programs
        made_of = {store.program_id: store.program_version for store in self.stores.values()}
        return {
            program_id: replace(
                program,
                versions=tuple(replace(v, state="released" if v.number == made_of[program_id] else "superseded") for v in program.versions),
            )
            for program_id, program in self.programs.items()
        }  # fmt: skip

    def _some(self) -> LightStore:
        return self.rng.choice([store for store in self.stores.values() if store.attached])

    def _release(self, change: Change) -> None:
        store = change.store
        if change.manifest is not None:
            store = store._replace(program_version=self._put(store.program_id, json.loads(change.manifest)))
        self.stores[store.store_id] = store

    def _put(self, program_id: str, manifest: dict[str, Any]) -> int:
        program = self.programs[program_id]
        number = len(program.versions) + 1
        released = programs.release_reviewed(
            program, Version(number, "submitted", manifest["title"], manifest["page"], ())
        )
        assert not isinstance(released, Refusal)
        moved = {version.number: version for version in released.versions}
        known = [moved.get(version.number, version) for version in program.versions]
        self.programs[program_id] = replace(program, versions=(*known, moved[number]))
        self.manifests[program_id, number] = manifest
        self.changes += 1
        return number

    def check(self) -> None:
        """What must be so after every step."""
        for store in self.stores.values():
            released = self.programs[store.program_id].released
            assert released is not None
            if (hand := self.by_hand.get(store.program_id)) and released.number != hand:
                raise BrokenPromiseError(f"R8 what was done to {store.store_id} by hand was overwritten")
            if store.attached:
                self._is_rendered(store)

    def _is_rendered(self, store: LightStore) -> None:
        manifest = self.manifests[store.program_id, store.program_version]
        if second._bytes(second._rendered(store._asdict(), self.bodies[store.version])) != canonical(manifest):
            raise BrokenPromiseError(f"R8 {store.store_id} is not what it is made of")
        if any(manifest[name] != value for name, value in store.edited.items()):
            raise BrokenPromiseError(f"R8 an edit of {store.store_id} was lost")
        if problems(manifest):
            raise BrokenPromiseError(f"R8 {store.store_id} has a manifest that is none")


def run(seed: int, steps: int, without: Without = frozenset()) -> int:
    """A world from a seed; gives how many versions of programs were released in it."""
    world = LightStores(Random(seed), without)  # reproducible, and no secret
    for _ in range(steps):
        world.step()
    return world.changes
