"""Where stores differ from their template, and what an upgrade would do to them: read page by page, nothing is changed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from lutong_chassis import Reads
from lutong_registry.light_stores.domain.rendering import Fields, Wrong, conflicts
from lutong_registry.light_stores.manifests import made
from lutong_registry.light_stores.releasing import CHANGED_BY_HAND, NOT_RELEASED, REMEDIES
from lutong_registry.light_stores.store import stores as light_store
from lutong_registry.light_stores.store import templates as template_store
from lutong_registry.light_stores.store.stores import LightStore, Released
from lutong_registry.light_stores.store.templates import TemplateRow
from lutong_registry.light_stores.views import DriftReport, DriftView, PlanView


async def report(read: Reads, template: TemplateRow, after: str, limit: int) -> DriftReport:
    """A page of stores: those that differ, and why."""
    stores = await light_store.page(read, template.template_id, after, limit)
    released = await light_store.released(read, (store.program_id for store in stores))
    bodies = await template_store.bodies(read, template.template_id, {store.version for store in stores})
    found = [
        DriftView(
            store_id=store.store_id, program_id=store.program_id, version=store.version, reason=reason, detail=detail
        )
        for store in stores
        for reason, detail in _differs(store, released[store.program_id], template, bodies)
    ]
    return DriftReport(looked_at=len(stores), stores=found, after=_last(stores, limit))


async def plan(read: Reads, template: TemplateRow, version: int, after: str, limit: int) -> PlanView | None:
    """A page of stores: what a version would change, and which it would not fit. None when there is no such version."""
    stores = await light_store.page(read, template.template_id, after, limit)
    versions = {version, *(store.version for store in stores)}
    bodies = await template_store.bodies(read, template.template_id, versions)
    if version not in bodies:
        return None
    new, changed, unchanged, clashing = bodies[version], 0, 0, 0
    refused: list[DriftView] = []
    for store in stores:
        result = made(new, store.row, store.edited)
        if isinstance(result, Wrong):
            about = {"store_id": store.store_id, "program_id": store.program_id, "version": store.version}
            refused.append(DriftView(**about, reason="does_not_fit", detail=f"{result.column}: {result.reason}"))
            continue
        changed += result.digest != store.digest
        unchanged += result.digest == store.digest
        clashing += bool(conflicts(bodies[store.version], new, store.row, store.edited))
    return PlanView(
        looked_at=len(stores), changed=changed, unchanged=unchanged, conflicts=clashing, refused=refused,
        after=_last(stores, limit),
    )  # fmt: skip


class _Why(NamedTuple):
    """A reason, and what to do."""

    reason: str
    detail: str


def _differs(
    store: LightStore, released: Released, template: TemplateRow, bodies: Mapping[int, Fields]
) -> Iterator[_Why]:
    if released.number != store.program_version:
        reason = NOT_RELEASED if released.number is None else CHANGED_BY_HAND
        yield _Why(reason, REMEDIES[reason])
    result = made(bodies[store.version], store.row, store.edited)
    if isinstance(result, Wrong) or result.digest != store.digest:
        yield _Why(
            "render_differs", "what it was made of gives another manifest now: set its edits to release it again"
        )
    if template.version is not None and store.version < template.version:
        why = store.problem or "it came with a version before"
        yield _Why("not_upgraded", f"version {template.version} did not reach it: {why}")
    if store.conflicts:
        yield _Why("edits_conflict", f"its edit was kept where the template changed, too: {store.conflicts}")


def _last(stores: Sequence[LightStore], limit: int) -> str | None:
    return stores[-1].store_id if len(stores) == limit else None
