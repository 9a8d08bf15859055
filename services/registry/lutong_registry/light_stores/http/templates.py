"""Templates: handed in by brands, reviewed once for all of their stores."""

from typing import NoReturn

from lutong_chassis import Problem, Read, Reads, Tx, TxDependency, Who, allowed, audit, audited, not_found
from lutong_contracts.light_stores import TemplateApproved, TemplateRejected, TemplateSubmitted
from lutong_contracts.values import Identifier, VersionNumber
from lutong_registry.bodies import router
from lutong_registry.light_stores.bodies import Submission
from lutong_registry.light_stores.domain.rendering import canonical
from lutong_registry.light_stores.domain.rollouts import Rollout
from lutong_registry.light_stores.manifests import sample
from lutong_registry.light_stores.store import rollouts as rollout_store
from lutong_registry.light_stores.store import templates as store
from lutong_registry.light_stores.store.templates import TemplateRow
from lutong_registry.light_stores.views import RolloutView, TemplateListed, TemplateVersionView, TemplateView
from lutong_registry.programs import store as program_store
from lutong_registry.programs.bodies import ReasonBody


@router.post("/v1/templates/{template_id}/versions", status_code=201)
@allowed("merchant", "operator")
@audited("light_template.submit", own="merchant")
async def submit_template(template_id: Identifier, submission: Submission, who: Who, tx: TxDependency) -> TemplateView:
    """Hand in a version of a brand's template for review. One at a time; numbers only grow, and what was handed in never changes."""
    merchant_id = submission.merchant_id
    who.require(merchant=merchant_id, hide=("merchant", merchant_id))
    if merchant_id not in await program_store.merchants_known(tx, [merchant_id]):
        not_found("merchant", merchant_id)
    sold = submission.template.offers_of
    if sold is not None and not await store.sells(tx, sold, merchant_id):
        _refuse_offers(sold, merchant_id)
    if await store.template(tx, template_id) is None:
        await store.add_template(tx, template_id, merchant_id)
    known = await lock(tx, who, template_id)
    if known.merchant_id != merchant_id:
        raise Problem(409, "template_taken", f"template {template_id!r} belongs to another merchant")
    body = canonical(submission.template.model_dump()).decode()
    if not await store.add_version(tx, template_id, submission.version, body):
        detail = "a version is in review, or the number is not above all others: see the template's versions"
        raise Problem(409, "version_not_newer", detail, template_id=template_id)
    event = TemplateSubmitted(template_id=template_id, merchant_id=merchant_id, version=submission.version)
    tx.publish(event)
    if who.is_staff:
        await audit.record(tx, who, _moved("submit", template_id, submission.version, "submitted"))
    return await view(tx, known)


@router.post("/v1/templates/{template_id}/versions/{version}/approval")
@allowed("operator")
@audited("light_template.approve")
async def approve_template(template_id: Identifier, version: VersionNumber, who: Who, tx: TxDependency) -> TemplateView:
    """Approve a version, and with it every store that is made of it: its samples are what was reviewed."""
    await lock(tx, who, template_id)
    if not await store.decide(tx, template_id, version, "approved", None):
        _not_in_review(template_id, version)
    tx.publish(TemplateApproved(template_id=template_id, version=version))
    await audit.record(tx, who, _moved("approve", template_id, version, "approved"))
    return await view(tx, await lock(tx, who, template_id))


@router.post("/v1/templates/{template_id}/versions/{version}/rejection")
@allowed("operator")
@audited("light_template.reject")
async def reject_template(
    template_id: Identifier, version: VersionNumber, body: ReasonBody, who: Who, tx: TxDependency
) -> TemplateView:
    """Reject a version: no store gets it."""
    known = await lock(tx, who, template_id)
    if not await store.decide(tx, template_id, version, "rejected", body.reason):
        _not_in_review(template_id, version)
    tx.publish(TemplateRejected(template_id=template_id, version=version, reason=body.reason))
    await audit.record(tx, who, _moved("reject", template_id, version, "rejected", body.reason))
    return await view(tx, known)


@router.get("/v1/merchants/{merchant_id}/templates")
@allowed("merchant", "viewer")
async def list_templates(merchant_id: Identifier, who: Who, read: Read) -> list[TemplateListed]:
    """A merchant's templates, at most 500, by id: each with the version that new stores get."""
    who.require(merchant=merchant_id, hide=("merchant", merchant_id))
    return [TemplateListed(**row._asdict()) for row in await store.templates_of(read, merchant_id)]


@router.get("/v1/templates/{template_id}")
@allowed("merchant", "viewer")
async def get_template(template_id: Identifier, who: Who, read: Read) -> TemplateView:
    """A template with its versions, how many stores it has, and how far its last rollout is."""
    return await view(read, await find(read, who, template_id))


async def lock(tx: Tx, who: Who, template_id: str) -> TemplateRow:
    """A template, locked; refuse one that does not exist or belongs to another merchant."""
    found = (await store.lock_templates(tx, [template_id])).get(template_id) or not_found("template", template_id)
    who.require(merchant=found.merchant_id, hide=("template", template_id))
    return found


async def find(read: Reads, who: Who, template_id: str) -> TemplateRow:
    """A template, not locked; refused alike."""
    found = await store.template(read, template_id) or not_found("template", template_id)
    who.require(merchant=found.merchant_id, hide=("template", template_id))
    return found


async def view(read: Reads, known: TemplateRow) -> TemplateView:
    """A template as its brand sees it."""
    counts = await store.counts(read, known.template_id)
    rollout = await rollout_store.last(read, known.template_id)
    versions = [
        TemplateVersionView(
            version=each.number,
            state=each.state,
            rejected_for=each.rejected_for,
            template=each.body,
            sample=sample(each.body),
        )
        for each in await store.versions(read, known.template_id)
    ]
    return TemplateView(
        template_id=known.template_id,
        merchant_id=known.merchant_id,
        version=known.version,
        versions=versions,
        stores=counts.stores,
        detached=counts.detached,
        rollout=view_of(rollout) if rollout else None,
    )


def view_of(rollout: Rollout) -> RolloutView:
    """A rollout as its brand sees it."""
    return RolloutView(
        rollout_id=rollout.rollout_id, version=rollout.version, state=rollout.state, percent=rollout.percent,
        upgraded=rollout.upgraded, conflicts=rollout.conflicts, skipped=rollout.skipped, errors=rollout.errors,
        reverted=rollout.reverted, reason=rollout.reason, detail=rollout.detail, next_at=rollout.next_at,
    )  # fmt: skip


def _moved(verb: str, template_id: str, version: int, state: str, reason: str | None = None) -> audit.Change:
    return audit.Change(f"light_template.{verb}", f"template:{template_id}:{version}", reason, after={"state": state})


def _refuse_offers(program_id: str, merchant_id: str) -> NoReturn:
    detail = (
        f"template.offers_of names {program_id!r}, which is no program of merchant {merchant_id!r} with a version in force and "
        "offers of its own: release it first, or leave offers_of out"
    )
    errors = [{"pointer": "/body/template/offers_of", "detail": detail}]
    raise Problem(422, "unknown_offers", detail, errors=errors)


def _not_in_review(template_id: str, version: int) -> NoReturn:
    detail = f"version {version} of template {template_id!r} is not in review: it was never submitted, or it is decided"
    raise Problem(409, "wrong_state", detail)
