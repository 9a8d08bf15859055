"""What merchants, reviewers and readers ask of the registry."""

from collections.abc import Callable
from typing import Annotated, Any, Self

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from lutong_chassis import Problem, Tx, TxDependency, not_found, routes
from lutong_contracts.registry import ProgramRegistered
from lutong_contracts.values import Identifier, Offer, Printable, Reason, Text, Title
from lutong_registry import domain, store
from lutong_registry.domain import Change, Program, Refusal, Version

router = routes("registry")

Number = Annotated[int, Field(ge=1, le=1_000_000)]
Keyword = Annotated[str, StringConstraints(min_length=1, max_length=30, strip_whitespace=True), Printable]


class Command(BaseModel):
    """Base of request bodies: what is not known is refused, lest a typo be ignored."""

    model_config = ConfigDict(extra="forbid")


class Manifest(Command):
    """What a version of a mini-program is: what a card shows, what the search finds, what it sells."""

    title: Title = Field(examples=["公积金提取"])
    description: Annotated[Text, StringConstraints(max_length=2000)] = ""
    page: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z0-9_\-]+(/[A-Za-z0-9_\-]+)*(\?[A-Za-z0-9_\-=&]*)?$", max_length=256),
    ] = Field(examples=["pages/fund/index?from=feed"], description="path inside the program, without a leading slash")
    keywords: list[Keyword] = Field(default_factory=list, max_length=20, examples=[["公积金", "provident fund"]])
    offers: list[Offer] = Field(default_factory=list, max_length=500)

    @model_validator(mode="after")
    def _offers_agree(self) -> Self:
        skus = [offer.sku for offer in self.offers]
        if len(skus) != len(set(skus)):
            raise ValueError("offers: each sku may be offered once")
        if len({offer.unit_price.currency for offer in self.offers}) > 1:
            raise ValueError("offers: all prices must have one currency")
        return self


class Merchant(Command):
    """A merchant's public name."""

    name: Title = Field(examples=["屈臣氏"])


class Registration(Command):
    """Whose program it is."""

    merchant_id: Identifier


class Submission(Command):
    """A version for review."""

    version: Number
    manifest: Manifest


class Because(Command):
    """Why."""

    reason: Reason = Field(examples=["security_incident"])


class Onboarding(Command):
    """A program that comes with a reviewed manifest: registered, approved and released in one go."""

    program_id: Identifier
    merchant_id: Identifier
    manifest: Manifest


class Onboardings(Command):
    """Several programs at once."""

    programs: list[Onboarding] = Field(min_length=1, max_length=200)


class VersionView(BaseModel):
    """A version in a program's history."""

    version: int
    state: str
    title: str


class ProgramView(BaseModel):
    """A program, its versions, and how often it was used."""

    program_id: str
    merchant_id: str
    suspended_for: str | None
    released_version: int | None
    versions: list[VersionView]
    usage: dict[str, int] = Field(default_factory=dict)


@router.put("/v1/merchants/{merchant_id}")
async def put_merchant(merchant_id: Identifier, merchant: Merchant, tx: TxDependency) -> dict[str, str]:
    """Create a merchant, or rename it."""
    await store.save_merchants(tx, [(merchant_id, merchant.name)])
    return {"merchant_id": merchant_id, "name": merchant.name}


@router.put("/v1/programs/{program_id}")
async def put_program(program_id: Identifier, registration: Registration, tx: TxDependency) -> ProgramView:
    """Register a mini-program; repeating it changes nothing."""
    await _register(tx, [(program_id, registration.merchant_id)])
    return _view((await store.lock_programs(tx, [program_id]))[program_id])


@router.post("/v1/programs/{program_id}/versions", status_code=201)
async def submit_version(program_id: Identifier, submission: Submission, tx: TxDependency) -> ProgramView:
    """Hand in a version for review. One at a time; numbers only grow."""
    version = _version(submission.version, submission.manifest)
    change = _accepted(domain.submit(await _lock(tx, program_id), version))
    await store.add_versions(tx, [(program_id, submission.version, submission.manifest.model_dump_json())])
    tx.publish(*change.events)
    return _view(await _lock(tx, program_id))


@router.post("/v1/programs/{program_id}/versions/{version}/approval")
async def approve_version(program_id: Identifier, version: Number, tx: TxDependency) -> ProgramView:
    """Approve a submitted version."""
    return await _move(tx, program_id, lambda program: domain.approve(program, version))


@router.post("/v1/programs/{program_id}/versions/{version}/rejection")
async def reject_version(program_id: Identifier, version: Number, because: Because, tx: TxDependency) -> ProgramView:
    """Reject a submitted version."""
    return await _move(tx, program_id, lambda program: domain.reject(program, version, because.reason))


@router.post("/v1/programs/{program_id}/versions/{version}/release")
async def release_version(program_id: Identifier, version: Number, tx: TxDependency) -> ProgramView:
    """Put an approved version in force: cards open it from now on."""
    return await _move(tx, program_id, lambda program: domain.release(program, version))


@router.post("/v1/programs/{program_id}/versions/{version}/rollback")
async def roll_back_version(program_id: Identifier, version: Number, tx: TxDependency) -> ProgramView:
    """Take the released version back; the one before it is in force again."""
    return await _move(tx, program_id, lambda program: domain.roll_back(program, version))


@router.post("/v1/programs/{program_id}/suspension")
async def suspend_program(program_id: Identifier, because: Because, tx: TxDependency) -> ProgramView:
    """Suspend a program: every card that leads to it becomes unavailable."""
    change = _accepted(domain.suspend(await _lock(tx, program_id), because.reason))
    await store.save_suspension(tx, program_id, because.reason)
    tx.publish(*change.events)
    return _view(await _lock(tx, program_id))


@router.delete("/v1/programs/{program_id}/suspension")
async def resume_program(program_id: Identifier, tx: TxDependency) -> ProgramView:
    """Lift a suspension."""
    change = _accepted(domain.resume(await _lock(tx, program_id)))
    await store.save_suspension(tx, program_id, None)
    tx.publish(*change.events)
    return _view(await _lock(tx, program_id))


@router.post("/v1/programs/batch", status_code=201)
async def onboard_programs(command: Onboardings, tx: TxDependency) -> dict[str, int]:
    """Register and release many programs at once: what the platform's own onboarding does."""
    wanted = {item.program_id: item for item in command.programs}
    await _register(tx, [(item.program_id, item.merchant_id) for item in wanted.values()])
    programs = await store.lock_programs(tx, wanted)
    for program_id, item in wanted.items():
        program = programs[program_id]
        version = _version(max((known.number for known in program.versions), default=0) + 1, item.manifest)
        submitted = _accepted(domain.submit(program, version))
        await store.add_versions(tx, [(program_id, version.number, item.manifest.model_dump_json())])
        approved = _accepted(domain.approve(_with(program, submitted), version.number))
        released = _accepted(domain.release(_with(program, approved), version.number))
        await store.save_states(tx, [(program_id, known.number, known.state) for known in released.versions])
        tx.publish(*submitted.events, *approved.events, *released.events)
    await store.refresh_listings(tx, wanted)
    return {"released": len(wanted)}


@router.get("/v1/programs/{program_id}")
async def get_program(program_id: Identifier, tx: TxDependency) -> ProgramView:
    """A program with its versions and how often it was used."""
    program = (await store.read_programs(tx, None, [program_id])).get(program_id) or not_found("program", program_id)
    return _view(program).model_copy(update={"usage": await store.usage(tx, program_id)})


@router.get("/v1/programs")
async def list_programs(merchant_id: Identifier, tx: TxDependency) -> list[ProgramView]:
    """A merchant's programs."""
    return [_view(program) for program in (await store.read_programs(tx, merchant_id, None)).values()]


@router.get("/v1/search")
async def search_services(
    q: Annotated[Text, Query(min_length=1, max_length=200, examples=["公积金"])],
    tx: TxDependency,
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> list[dict[str, Any]]:
    """Services for a question in Chinese or English, best first; `matched` says how."""
    return [dict(row) for row in await store.search(tx, q, limit)]


@router.get("/v1/discoveries/{post_id}")
async def get_discovery(post_id: Identifier, tx: TxDependency) -> dict[str, Any]:
    """Where a post led, or why nowhere."""
    return dict(await store.discovery(tx, post_id) or not_found("discovery for post", post_id))


@router.get("/v1/summary")
async def get_summary(tx: TxDependency) -> dict[str, Any]:
    """Counts of programs and discoveries."""
    return await store.summary(tx)


async def _register(tx: Tx, programs: list[tuple[str, str]]) -> None:
    """Register what is new; refuse unknown merchants and programs of others."""
    merchants = dict(programs)
    known = await store.merchants_known(tx, merchants.values())
    for merchant_id in merchants.values():
        if merchant_id not in known:
            not_found("merchant", merchant_id)
    fresh = await store.register_programs(tx, programs)
    for program in (await store.lock_programs(tx, merchants)).values():
        if program.merchant_id != merchants[program.program_id]:
            raise Problem(409, "program_taken", f"program {program.program_id!r} belongs to another merchant")
    tx.publish(*[ProgramRegistered(program_id=key, merchant_id=merchants[key]) for key in sorted(fresh)])


async def _lock(tx: Tx, program_id: str) -> Program:
    return (await store.lock_programs(tx, [program_id])).get(program_id) or not_found("program", program_id)


async def _move(tx: Tx, program_id: str, decide: Callable[[Program], Change | Refusal]) -> ProgramView:
    """Let a decision about versions take effect, and the search see it."""
    change = _accepted(decide(await _lock(tx, program_id)))
    await store.save_states(tx, [(program_id, version.number, version.state) for version in change.versions])
    await store.refresh_listings(tx, [program_id])
    tx.publish(*change.events)
    return _view(await _lock(tx, program_id))


def _accepted(decision: Change | Refusal) -> Change:
    if isinstance(decision, Refusal):
        raise Problem(404 if decision.kind == "unknown_version" else 409, decision.kind, decision.detail)
    return decision


def _version(number: int, manifest: Manifest) -> Version:
    return Version(number, "submitted", manifest.title, manifest.page, tuple(manifest.offers))


def _with(program: Program, change: Change) -> Program:
    """The program after a change."""
    changed = {version.number: version for version in change.versions}
    kept = [version for version in program.versions if version.number not in changed]
    versions = tuple(sorted([*kept, *changed.values()], key=lambda version: version.number))
    return Program(program.program_id, program.merchant_id, program.suspended_for, versions)


def _view(program: Program) -> ProgramView:
    return ProgramView(
        program_id=program.program_id,
        merchant_id=program.merchant_id,
        suspended_for=program.suspended_for,
        released_version=program.released.number if program.released else None,
        versions=[VersionView(version=v.number, state=v.state, title=v.title) for v in program.versions],
    )
