"""Light stores: generated from rows, edited by their merchants, compared with their template, detached from it."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Query

from lutong_chassis import Problem, Read, Reads, Tx, TxDependency, Who, allowed, audit, audited, not_found
from lutong_contracts.light_stores import LightStoreDetached
from lutong_contracts.values import Identifier, VersionNumber
from lutong_registry.bodies import router
from lutong_registry.light_stores import drift, taking
from lutong_registry.light_stores.bodies import Edits, LightStores
from lutong_registry.light_stores.domain.rendering import Wrong, canonical, changed_by_hand, render, three_way
from lutong_registry.light_stores.http import templates
from lutong_registry.light_stores.manifests import made
from lutong_registry.light_stores.releasing import IN_REVIEW_NOW, REMEDIES, Change, standing_in_the_way, take_effect
from lutong_registry.light_stores.store import stores as store
from lutong_registry.light_stores.store import templates as template_store
from lutong_registry.light_stores.store.stores import LightStore, StoreKey
from lutong_registry.light_stores.taking import Outcome
from lutong_registry.light_stores.views import DifferenceView, DriftReport, LightStoreView, PlanView, Refused, Taken
from lutong_registry.programs import store as program_store

After = Annotated[str, Query(max_length=64, description="the last store of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000)]


@router.post("/v1/light-stores/batch", status_code=201)
@allowed("merchant", "operator")
@audited("light_store.put", own="merchant")
async def put_light_stores(command: LightStores, who: Who, tx: TxDependency) -> Taken:
    """Generate light stores, or change those that have another row. A bad row is reported, the others are taken."""
    known = await template_store.lock_templates(tx, (row.template_id for row in command.stores))
    for row in command.stores:
        template = known.get(row.template_id) or not_found("template", row.template_id)
        who.require(merchant=template.merchant_id, hide=("template", row.template_id))
    outcome = await taking.take(tx, command.stores, known)
    tx.publish(*outcome.events)
    changed = [each.store for each in outcome.decided if isinstance(each, Change)]
    if who.is_staff:
        await audit.record(tx, who, *(_change("put", each, None, "attached") for each in sorted(changed)))
    return _taken(outcome)


@router.put("/v1/templates/{template_id}/light-stores/{store_id}/edits")
@allowed("merchant", "operator")
@audited("light_store.edit", own="merchant")
async def edit_light_store(
    template_id: Identifier, store_id: Identifier, body: Edits, who: Who, tx: TxDependency
) -> LightStoreView:
    """Set what a store has otherwise than its template: upgrades keep it. What its program was changed to by hand is replaced."""
    found = await _lock(tx, who, template_id, store_id)
    bodies = await template_store.bodies(tx, template_id, [found.version])
    edits = body.edits.fields
    result = made(bodies[found.version], found.row, edits)
    if isinstance(result, Wrong):
        errors = [{"pointer": "/body/edits", "detail": result.reason}]
        raise Problem(422, "bad_edits", result.reason, errors=errors)
    programs = await program_store.lock_programs(tx, [found.program_id])
    hindered = standing_in_the_way(found, programs[found.program_id])
    if hindered == IN_REVIEW_NOW:
        raise Problem(409, hindered, REMEDIES[hindered], program_id=found.program_id)
    kept = " ".join(field for field in found.conflicts.split() if field in edits)
    wanted = found._replace(edits=canonical(edits).decode(), digest=result.digest, conflicts=kept)
    if wanted != found or hindered:
        manifest = result.json if hindered or result.digest != found.digest else None
        tx.publish(*await take_effect(tx, [Change(wanted, manifest)], programs))
    if who.is_staff:
        await audit.record(tx, who, _change("edit", found, "attached", "attached"))
    return await _view(tx, await store.store(tx, template_id, store_id) or found, None)


@router.post("/v1/templates/{template_id}/light-stores/{store_id}/detachment")
@allowed("merchant", "operator")
@audited("light_store.detach", own="merchant")
async def detach_light_store(
    template_id: Identifier, store_id: Identifier, who: Who, tx: TxDependency
) -> LightStoreView:
    """Let a store leave its template: its program stays as it is, and no upgrade reaches it any more."""
    found = await _lock(tx, who, template_id, store_id)
    detached = found._replace(attached=False, rollout_id=None, problem=None)
    await store.save_stores(tx, [detached])
    tx.publish(LightStoreDetached(template_id=template_id, store_id=store_id, program_id=found.program_id))
    if who.is_staff:
        await audit.record(tx, who, _change("detach", found, "attached", "detached"))
    return await _view(tx, detached, None)


@router.get("/v1/templates/{template_id}/light-stores/{store_id}")
@allowed("merchant", "viewer")
async def get_light_store(
    template_id: Identifier, store_id: Identifier, who: Who, read: Read, version: VersionNumber | None = None
) -> LightStoreView:
    """A light store: what it is made of, and where it differs from its template, or from another `version` of it."""
    await templates.find(read, who, template_id)
    found = await store.store(read, template_id, store_id) or not_found("light store", store_id)
    return await _view(read, found, version)


@router.get("/v1/templates/{template_id}/drift")
@allowed("merchant", "viewer")
async def report_drift(
    template_id: Identifier, who: Who, read: Read, after: After = "", limit: Limit = 500
) -> DriftReport:
    """Stores whose program is not what their template makes of them, page by page: why, and what to do."""
    template = await templates.find(read, who, template_id)
    return await drift.report(read, template, after, limit)


@router.get("/v1/templates/{template_id}/plans/{version}")
@allowed("merchant", "viewer")
async def plan_upgrade(  # one parameter per option
    template_id: Identifier, version: VersionNumber, who: Who, read: Read, after: After = "", limit: Limit = 500
) -> PlanView:
    """What an upgrade to a version would do to the stores, page by page. It changes nothing."""
    template = await templates.find(read, who, template_id)
    return await drift.plan(read, template, version, after, limit) or not_found("version", str(version))


async def _lock(tx: Tx, who: Who, template_id: str, store_id: str) -> LightStore:
    """An attached light store, locked behind its template."""
    await templates.lock(tx, who, template_id)
    key = StoreKey(template_id, store_id)
    found = (await store.lock_stores(tx, [key])).get(key) or not_found("light store", store_id)
    if not found.attached:
        detail = (
            f"store {store_id!r} was detached from template {template_id!r}: change its program {found.program_id!r}"
        )
        raise Problem(409, "detached", detail)
    return found


async def _view(read: Reads, found: LightStore, version: int | None) -> LightStoreView:
    other = version or found.version
    bodies = await template_store.bodies(read, found.template_id, [found.version, other])
    if other not in bodies:
        not_found("version", str(other))
    released = (await store.released(read, [found.program_id]))[found.program_id]
    differences = three_way(bodies[found.version], bodies[other], found.row, found.edited)
    manifest = render(bodies[found.version], found.row, found.edited)
    drifted = found.attached and released.number != found.program_version
    program = await store.in_force(read, found.program_id) if drifted else {}
    row = {"name": found.name, "hours": found.hours, "city": found.city, "overrides": found.row.overrides}
    return LightStoreView(
        template_id=found.template_id,
        store_id=found.store_id,
        program_id=found.program_id,
        version=found.version,
        program_version=found.program_version,
        digest=found.digest,
        attached=found.attached,
        drifted=drifted,
        row=row,
        edits=found.edited,
        conflicts=found.conflicts.split(),
        problem=found.problem,
        manifest=manifest,
        by_hand=changed_by_hand(manifest, program),
        differences=[DifferenceView(**each._asdict()) for each in differences],
    )


def _taken(outcome: Outcome) -> Taken:
    changes = [each.store for each in outcome.decided if isinstance(each, Change)]
    refused = [
        Refused(row=place, column=each.column, reason=each.reason, later=each.later)
        for place, each in enumerate(outcome.decided)
        if isinstance(each, Wrong)
    ]
    changed = sum(StoreKey(each.template_id, each.store_id) in outcome.known for each in changes)
    unchanged = sum(each is None for each in outcome.decided)
    return Taken(generated=len(changes) - changed, changed=changed, unchanged=unchanged, refused=refused)


def _change(verb: str, found: LightStore, before: str | None, after: str) -> audit.Change:
    subject = f"light_store:{found.template_id}:{found.store_id}"
    known: Mapping[str, object] | None = {"state": before} if before else None
    return audit.Change(f"light_store.{verb}", subject, None, known, {"state": after})
