"""The job that brings a version of a template to its stores, a few hundred per transaction: broken off, it goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, NamedTuple

from lutong_chassis import Answered, Cause, JobQueue, Outgoing, Tx
from lutong_contracts import Event
from lutong_registry.light_stores.domain import rollouts as domain
from lutong_registry.light_stores.domain.rendering import Fields, Wrong, conflicts
from lutong_registry.light_stores.domain.rollouts import STAGES, Failure, Rollout
from lutong_registry.light_stores.manifests import made
from lutong_registry.light_stores.places import REASONS
from lutong_registry.light_stores.releasing import Change, standing_in_the_way, take_effect
from lutong_registry.light_stores.store import rollouts as rollout_store
from lutong_registry.light_stores.store import stores as light_store
from lutong_registry.light_stores.store import templates as template_store
from lutong_registry.light_stores.store.stores import LightStore
from lutong_registry.programs import store as program_store
from lutong_registry.programs.domain import Program

AT_ONCE: Final = 200
"""Stores per transaction: their programs are locked until it commits."""

_NO_END: Final = 2**63 - 1
_SHOWN_MAX: Final = 3


class Step(NamedTuple):
    """A rollout after a step, and what to publish."""

    rollout: Rollout
    events: Sequence[Event]


class Tried(NamedTuple):
    """What a version does to a few stores: those that change, those that are left alone, those that it does not fit."""

    changes: Sequence[Change]
    left: Sequence[LightStore]
    failures: Sequence[Failure]


def queue() -> JobQueue[str, str]:
    """Rollouts that are due for a step."""
    return JobQueue("roll_out_light_stores", _claim, _answer, _record, at_once=1)


async def _claim(tx: Tx, _: int) -> Sequence[str]:
    """No lease: of two processes that take the same step, the second finds the rollout locked, and then moved on."""
    rollout_id = await rollout_store.due(tx)
    return [rollout_id] if rollout_id else []


async def _answer(rollout_id: str) -> str:
    return rollout_id


async def _record(tx: Tx, answers: Sequence[Answered[str, str]]) -> Sequence[Outgoing]:
    outgoing: list[Outgoing] = []
    for each in answers:
        rollout = await rollout_store.lock(tx, each.answer)
        if rollout is None:
            continue
        step = await (_forward(tx, rollout) if rollout.state == "running" else _back(tx, rollout))
        await rollout_store.save(tx, step.rollout)
        outgoing += [Outgoing(event, Cause(rollout.rollout_id)) for event in step.events]
    return outgoing


async def _forward(tx: Tx, rollout: Rollout) -> Step:
    """The next stores of the stage get the version; none of them when there are more failures than it bears."""
    stores = await light_store.lock_next(
        tx, rollout.template_id, rollout.bound, rollout.version, rollout.rollout_id, AT_ONCE
    )
    if not stores:
        return await _end_of_stage(tx, rollout)
    versions = {rollout.version, *(store.version for store in stores)}
    bodies = await template_store.bodies(tx, rollout.template_id, versions)
    programs = await program_store.lock_programs(tx, (store.program_id for store in stores))
    tried = upgrade(stores, programs, rollout, bodies)
    if domain.exceeds(rollout, len(tried.failures)):
        return _stopped(rollout, "render_failed", tried.failures)
    events = await take_effect(tx, tried.changes, programs)
    failed = {failure.store_id: failure.reason for failure in tried.failures}
    marked = [
        store._replace(rollout_id=rollout.rollout_id, problem=failed[store.store_id][:200])
        for store in stores
        if store.store_id in failed
    ]
    await light_store.save_stores(tx, [*tried.left, *marked])
    return Step(
        replace(
            rollout,
            upgraded=rollout.upgraded + len(tried.changes),
            conflicts=rollout.conflicts + sum(bool(change.store.conflicts) for change in tried.changes),
            skipped=rollout.skipped + len(tried.left) + len(tried.failures),
            errors=rollout.errors + len(tried.failures),
        ),
        events,
    )


def upgrade(
    stores: Sequence[LightStore], programs: Mapping[str, Program], rollout: Rollout, bodies: Mapping[int, Fields]
) -> Tried:
    """What the version of a rollout does to stores: edits are kept, programs that were changed by hand are left alone."""
    changes, left, failures = [], [], []
    for store in stores:
        old, new = bodies[store.version], bodies[rollout.version]
        if reason := standing_in_the_way(store, programs[store.program_id]):
            left.append(store._replace(rollout_id=rollout.rollout_id, problem=reason))
            continue
        result = made(new, store.row, store.edited)
        if isinstance(result, Wrong):
            failures.append(Failure(store.store_id, f"{result.column}: {result.reason}"))
            continue
        wanted = store._replace(
            version=rollout.version, former_version=store.version, digest=result.digest, problem=None,
            conflicts=" ".join(conflicts(old, new, store.row, store.edited)), rollout_id=rollout.rollout_id,
        )  # fmt: skip
        changes.append(Change(wanted, result.json if result.digest != store.digest else None))
    return Tried(changes, left, failures)


async def _end_of_stage(tx: Tx, rollout: Rollout) -> Step:
    """No store of the stage is left: the next one begins after a while, unless too many stores were taken off meanwhile."""
    suspended = await light_store.suspended_in(tx, rollout.rollout_id, REASONS.values())
    if domain.exceeds(rollout, len(suspended)):
        return _stopped(rollout, "stores_suspended", [Failure(store_id, "suspended") for store_id in suspended])
    if rollout.is_last:
        await template_store.make_current(tx, rollout.template_id, rollout.version)
        return Step(replace(rollout, state="completed"), [domain.ended(rollout, "completed")])
    bound = await bound_of(tx, rollout.template_id, STAGES[rollout.stage + 1])
    following = replace(
        rollout,
        stage=rollout.stage + 1,
        bound=max(rollout.bound, bound),
        next_at=tx.now + timedelta(seconds=rollout.wait_s),
    )
    return Step(following, [domain.advanced(following)])


async def bound_of(tx: Tx, template_id: str, percent: int) -> int:
    """The place in line up to which a stage goes. The last one has no end: stores that are new meanwhile get the version, too."""
    if percent == STAGES[-1]:
        return _NO_END
    attached = (await template_store.counts(tx, template_id)).stores
    return await light_store.bound_of(tx, template_id, domain.stage_stores(attached, percent))


def _stopped(rollout: Rollout, reason: str, failures: Sequence[Failure]) -> Step:
    detail = "; ".join(f"{failure.store_id}: {failure.reason}" for failure in failures[:_SHOWN_MAX])[:200]
    following = replace(rollout, state="reverting", reason=reason, detail=detail, errors=rollout.errors + len(failures))
    return Step(following, [domain.stopped(following, reason, detail)])


async def _back(tx: Tx, rollout: Rollout) -> Step:
    """Stores that got the version have again what they had: the render of their former version, with their edits."""
    stores = await light_store.lock_upgraded(tx, rollout.template_id, rollout.version, rollout.rollout_id, AT_ONCE)
    if not stores:
        return Step(replace(rollout, state="stopped"), [domain.ended(rollout, "rolled_back")])
    bodies = await template_store.bodies(tx, rollout.template_id, (store.former_version for store in stores))
    programs = await program_store.lock_programs(tx, (store.program_id for store in stores))
    tried = revert(stores, programs, bodies)
    events = await take_effect(tx, tried.changes, programs)
    await light_store.save_stores(tx, tried.left)
    return Step(
        replace(
            rollout,
            reverted=rollout.reverted + len(tried.changes),
            skipped=rollout.skipped + len(tried.left),
        ),
        events,
    )


def revert(stores: Sequence[LightStore], programs: Mapping[str, Program], bodies: Mapping[int, Fields]) -> Tried:
    """What stores had before, with the edits of now. One whose program was changed by hand meanwhile is left alone."""
    changes, left = [], []
    for store in stores:
        former = store.former_version or store.version
        reason = standing_in_the_way(store, programs[store.program_id])
        result = made(bodies[former], store.row, store.edited)
        if reason or isinstance(result, Wrong):
            left.append(store._replace(former_version=None, problem=reason or "does_not_fit_any_more"))
            continue
        wanted = store._replace(version=former, former_version=None, digest=result.digest, conflicts="", problem=None)
        changes.append(Change(wanted, result.json if result.digest != store.digest else None))
    return Tried(changes, left, [])
