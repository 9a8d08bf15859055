"""Rollouts: a version of a template goes to 1 %, 10 % and all of the stores, or is taken back."""

from dataclasses import replace

from lutong_chassis import Problem, TxDependency, Who, allowed, audit, audited, not_found
from lutong_contracts.light_stores import LightRolloutStarted
from lutong_contracts.values import Identifier
from lutong_registry.bodies import router
from lutong_registry.light_stores.bodies import Start, Stop
from lutong_registry.light_stores.domain import rollouts as domain
from lutong_registry.light_stores.domain.rollouts import STAGES, Rollout
from lutong_registry.light_stores.http import templates
from lutong_registry.light_stores.rolling import bound_of
from lutong_registry.light_stores.store import rollouts as store
from lutong_registry.light_stores.store import templates as template_store
from lutong_registry.light_stores.views import RolloutView


@router.post("/v1/templates/{template_id}/rollouts", status_code=202)
@allowed("merchant", "operator")
@audited("light_rollout.start", own="merchant")
async def start_rollout(template_id: Identifier, body: Start, who: Who, tx: TxDependency) -> RolloutView:
    """Bring an approved version to the stores: 1 % of them, then 10 %, then all. It stops by itself on errors, and takes it back."""
    await templates.lock(tx, who, template_id)
    states = {each.number: each.state for each in await template_store.versions(tx, template_id)}
    state = states.get(body.version) or not_found("version", str(body.version))
    if state != "approved":
        raise Problem(409, "not_reviewed", f"version {body.version} is {state}: only an approved one reaches stores")
    rollout = Rollout(
        tx.new_id(), template_id, body.version, "running", stage=0, bound=await bound_of(tx, template_id, STAGES[0]),
        wait_s=body.wait_s, errors_max=body.errors_max, next_at=tx.now, upgraded=0, conflicts=0, skipped=0, errors=0,
        reverted=0, reason=None, detail=None,
    )  # fmt: skip
    if not await store.start(tx, rollout):
        raise Problem(409, "rollout_running", "a rollout of this template is under way: wait for its end, or stop it")
    tx.publish(LightRolloutStarted(template_id=template_id, rollout_id=rollout.rollout_id, version=body.version))
    tx.job_queues.add("roll_out_light_stores")
    if who.is_staff:
        await audit.record(tx, who, _change("start", rollout, None, None))
    return templates.view_of(rollout)


@router.post("/v1/templates/{template_id}/rollouts/stop", status_code=202)
@allowed("merchant", "operator")
@audited("light_rollout.stop", own="merchant")
async def stop_rollout(template_id: Identifier, body: Stop, who: Who, tx: TxDependency) -> RolloutView:
    """Stop the rollout that is under way: stores that have the version get back what they had."""
    await templates.lock(tx, who, template_id)
    rollout = await store.running(tx, template_id)
    if rollout is None:
        raise Problem(
            409, "no_rollout", f"no rollout of template {template_id!r} is under way: there is nothing to stop"
        )
    stopped = replace(rollout, state="reverting", reason=body.reason, detail="stopped by hand", next_at=tx.now)
    await store.save(tx, stopped)
    tx.publish(domain.stopped(stopped, body.reason, "stopped by hand"))
    tx.job_queues.add("roll_out_light_stores")
    if who.is_staff:
        await audit.record(tx, who, _change("stop", stopped, rollout.state, body.reason))
    return templates.view_of(stopped)


def _change(verb: str, rollout: Rollout, before: str | None, reason: str | None) -> audit.Change:
    known = {"state": before} if before else None
    subject = f"template:{rollout.template_id}:{rollout.version}"
    return audit.Change(f"light_rollout.{verb}", subject, reason, known, {"state": rollout.state})
