"""Rows of light stores as a brand wants them: each is generated, changed, as it was, or refused with its column."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from lutong_chassis import Tx
from lutong_contracts import Event
from lutong_contracts.registry import ProgramRegistered
from lutong_registry.light_stores.bodies import LightStoreRow
from lutong_registry.light_stores.domain.rendering import Fields, Wrong, canonical, place_in_line, program_of
from lutong_registry.light_stores.manifests import Made, made
from lutong_registry.light_stores.places import taken_off
from lutong_registry.light_stores.releasing import REMEDIES, Change, standing_in_the_way, take_effect
from lutong_registry.light_stores.store import stores as light_store
from lutong_registry.light_stores.store import templates as template_store
from lutong_registry.light_stores.store.stores import LightStore, PlaceKey, StoreKey
from lutong_registry.light_stores.store.templates import TemplateRow
from lutong_registry.programs import store as program_store
from lutong_registry.programs.domain import Program
from lutong_registry.programs.store import ProgramRow

_NO_EDITS: Final = "{}"


class Outcome(NamedTuple):
    """What became of rows, in their order: how each store changes, why it cannot, or nothing."""

    decided: Sequence[Change | Wrong | None]
    known: Mapping[StoreKey, LightStore]
    events: Sequence[Event]


class _Known(NamedTuple):
    """What rows are decided on."""

    stores: Mapping[StoreKey, LightStore]
    bodies: Mapping[str, Mapping[int, Fields]]
    places: Mapping[PlaceKey, str]
    programs: Mapping[str, Program]


async def take(tx: Tx, rows: Sequence[LightStoreRow], templates: Mapping[str, TemplateRow]) -> Outcome:
    """Let rows take effect; their templates are locked. The same rows again change nothing."""
    stores = await light_store.lock_stores(tx, (StoreKey(row.template_id, row.store_id) for row in rows))
    places = await light_store.places(
        tx, (PlaceKey(templates[row.template_id].merchant_id, row.store_id) for row in rows)
    )
    bodies = {key: await _bodies(tx, template, stores) for key, template in sorted(templates.items())}
    ids = [program_of(row.template_id, row.store_id) for row in rows]
    programs = await program_store.lock_programs(tx, ids)
    known = _Known(stores, bodies, places, programs)
    decided = [_decide(row, templates[row.template_id], known) for row in rows]
    changes = [each for each in decided if isinstance(each, Change)]
    return Outcome(decided, stores, await _apply(tx, changes, known) if changes else ())


async def _apply(tx: Tx, changes: Sequence[Change], known: _Known) -> list[Event]:
    """Register what is new, release what changes, and let new stores be where their locations are."""
    fresh = [each.store for each in changes if each.store.program_id not in known.programs]
    events = await _register(tx, fresh)
    programs = await program_store.lock_programs(tx, (each.store.program_id for each in changes))
    events += await take_effect(tx, changes, programs)
    return events + await taken_off(tx, fresh, known.places, programs)


async def _bodies(tx: Tx, template: TemplateRow, stores: Mapping[StoreKey, LightStore]) -> Mapping[int, Fields]:
    """The versions of a template that these rows are rendered with: that of new stores, and those that known ones have."""
    versions = {store.version for key, store in stores.items() if key.template_id == template.template_id}
    return await template_store.bodies(tx, template.template_id, {template.version, *versions})


async def _register(tx: Tx, fresh: Sequence[LightStore]) -> list[Event]:
    if not fresh:
        return []
    await program_store.register_programs(tx, [ProgramRow(store.program_id, store.merchant_id) for store in fresh])
    return [ProgramRegistered(program_id=each.program_id, merchant_id=each.merchant_id) for each in fresh]


def _decide(row: LightStoreRow, template: TemplateRow, known: _Known) -> Change | Wrong | None:
    store = known.stores.get(StoreKey(row.template_id, row.store_id))
    refusal = _refused(row, template, store, known)
    if refusal is not None or template.version is None:
        return refusal
    wanted = (store or _new(row, template, template.version))._replace(
        name=row.name, hours=row.hours, city=row.city, overrides=canonical(row.overrides.fields).decode()
    )
    if wanted == store:
        return None
    result = made(known.bodies[template.template_id][wanted.version], wanted.row, wanted.edited)
    if isinstance(result, Wrong):
        return result
    return _changed(wanted, store, result, known)


def _changed(wanted: LightStore, store: LightStore | None, result: Made, known: _Known) -> Change | Wrong:
    """The store with another manifest, unless its program is to be left alone."""
    if store is not None and result.digest == store.digest:
        return Change(wanted, None)
    if store is not None and (reason := standing_in_the_way(store, known.programs[store.program_id])):
        return Wrong("store_id", REMEDIES[reason])
    return Change(wanted._replace(digest=result.digest), result.json)


def _refused(row: LightStoreRow, template: TemplateRow, store: LightStore | None, known: _Known) -> Wrong | None:
    """Why a row cannot be taken, whatever its store is called."""
    if template.version is None:
        return Wrong("template_id", "no version of the template is approved: have one reviewed first")
    if store is not None and not store.attached:
        return Wrong("store_id", "the store was detached from the template: its program stays as it is")
    state = known.places.get(PlaceKey(template.merchant_id, row.store_id))
    if state is None:
        where = f"merchant {template.merchant_id!r} has no location {row.store_id!r}"
        return Wrong("store_id", f"{where}: open it in inventory first (lutong import stores.csv)", later=True)
    if state == "closed":
        return Wrong("store_id", f"the location {row.store_id!r} is closed for good: leave the row out")
    if store is None and program_of(row.template_id, row.store_id) in known.programs:
        return Wrong("store_id", "a program has the id that the store's would have: choose another template_id")
    return None


def _new(row: LightStoreRow, template: TemplateRow, version: int) -> LightStore:
    return LightStore(
        template.template_id, row.store_id, template.merchant_id, program_of(template.template_id, row.store_id),
        place_in_line(template.template_id, row.store_id), row.name, None, None, _NO_EDITS, _NO_EDITS, version,
        former_version=None, program_version=0, digest="", conflicts="", attached=True, rollout_id=None, problem=None,
    )  # fmt: skip
