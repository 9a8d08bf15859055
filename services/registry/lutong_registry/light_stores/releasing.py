"""Light stores and their programs change together: what a store's row names is in force, and the search sees it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from lutong_chassis import Tx
from lutong_contracts import Event
from lutong_registry.light_stores.store import stores as light_store
from lutong_registry.light_stores.store.stores import LightStore
from lutong_registry.programs import domain
from lutong_registry.programs import store as program_store
from lutong_registry.programs.domain import IN_FLIGHT, Program, Refusal, Version
from lutong_registry.programs.store import SubmittedRow, VersionMove
from lutong_registry.search.store import listings as search_store

NOT_RELEASED: Final = "not_released"
CHANGED_BY_HAND: Final = "changed_by_hand"
IN_REVIEW_NOW: Final = "in_review"
REMEDIES: Final[Mapping[str, str]] = {
    NOT_RELEASED: "its program has no version in force: set its edits to release one, or detach it",
    CHANGED_BY_HAND: "its program has a version that is not of the template: keep it as edits (lutong light-stores adopt), replace it by other edits, or detach it",
    IN_REVIEW_NOW: "a version of its program is in review: release or reject it first, or detach the store",
}
"""Why a store's program is left alone, and what to do."""


class Change(NamedTuple):
    """A light store as it shall be, and the manifest to release; none when the program has it already."""

    store: LightStore
    manifest: str | None


def standing_in_the_way(store: LightStore, program: Program) -> str | None:
    """Why a store's program must be left as it is: it was changed by the usual commands, or is about to be."""
    if any(version.state in IN_FLIGHT for version in program.versions):
        return IN_REVIEW_NOW
    if program.released is None:
        return NOT_RELEASED
    return CHANGED_BY_HAND if program.released.number != store.program_version else None


async def take_effect(tx: Tx, changes: Sequence[Change], programs: Mapping[str, Program]) -> list[Event]:
    """Release what changes, keep the stores, and let the search see both; `programs` are locked. Gives what to publish."""
    added: list[SubmittedRow] = []
    moved: list[VersionMove] = []
    events: list[Event] = []
    saved: list[LightStore] = []
    for store, manifest in changes:
        if manifest is None:
            saved.append(store)
            continue
        program = programs[store.program_id]
        version = _version(program, orjson.loads(manifest))
        released = domain.release_reviewed(program, version)
        if isinstance(released, Refusal):
            raise TypeError(f"{store.program_id}: {released.detail}")  # `standing_in_the_way` was not asked
        added.append(SubmittedRow(store.program_id, version.number, manifest))
        moved.extend(VersionMove.of(store.program_id, each) for each in released.versions)
        events.extend(released.events)
        saved.append(store._replace(program_version=version.number))
    if added:
        await program_store.add_versions(tx, added)
        await program_store.save_states(tx, moved)
    await light_store.save_stores(tx, saved)
    if added:
        await search_store.refresh_listings(tx, (row.program_id for row in added))
    return events


def _version(program: Program, manifest: Mapping[str, Any]) -> Version:
    number = max((known.number for known in program.versions), default=0) + 1
    title, page, offers_of = manifest["title"], manifest["page"], manifest["offers_of"]
    needs = program_store.needs_of(manifest)
    return Version(number, "submitted", title, page, (), offers_of=offers_of, needs=needs)
