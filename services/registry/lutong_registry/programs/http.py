"""What merchants, reviewers and readers ask of the registry."""

from collections.abc import Collection, Mapping

from lutong_chassis import Problem, Read, Tx, TxDependency, Who, allowed, audit, audited, not_found
from lutong_contracts.registry import ProgramRegistered
from lutong_contracts.values import Identifier, Offer, VersionNumber
from lutong_registry.bodies import router
from lutong_registry.hosts import store as host_store
from lutong_registry.programs import capabilities_http as capabilities
from lutong_registry.programs import domain, hosting
from lutong_registry.programs import merchants as merchant_store
from lutong_registry.programs import store as program_store
from lutong_registry.programs.bodies import (
    Manifest,
    Merchant,
    Merchants,
    Onboardings,
    ProgramView,
    PublicProgram,
    ReasonBody,
    Registration,
    Submission,
    view_of,
)
from lutong_registry.programs.domain import Change, Program, Version
from lutong_registry.programs.merchants import MerchantRow
from lutong_registry.programs.moves import accepted, lock, move, moved
from lutong_registry.programs.store import ProgramRow, SubmittedRow, VersionMove
from lutong_registry.search.store import listings as search_store
from lutong_registry.usage import store as use_store


@router.put("/v1/merchants/{merchant_id}")
@allowed("operator")
@audited("merchant.put")
async def put_merchant(merchant_id: Identifier, merchant: Merchant, who: Who, tx: TxDependency) -> dict[str, str]:
    """Create a merchant, or rename it."""
    await _save_merchants(tx, who, {merchant_id: merchant.name})
    return {"merchant_id": merchant_id, "name": merchant.name}


@router.post("/v1/merchants/batch", status_code=201)
@allowed("operator")
@audited("merchant.put")
async def put_merchants(command: Merchants, who: Who, tx: TxDependency) -> dict[str, int]:
    """Create or rename many merchants."""
    await _save_merchants(tx, who, {merchant.merchant_id: merchant.name for merchant in command.merchants})
    return {"saved": len(command.merchants)}


@router.put("/v1/programs/{program_id}")
@allowed("merchant", "operator")
@audited("program.register", own="merchant", shows=("merchant_id",))
async def put_program(program_id: Identifier, registration: Registration, who: Who, tx: TxDependency) -> ProgramView:
    """Register a mini-program; repeating it changes nothing."""
    who.require(merchant=registration.merchant_id, hide=("merchant", registration.merchant_id))
    await _register(tx, [ProgramRow(program_id, registration.merchant_id)])
    if who.is_staff:
        owner = {"merchant_id": registration.merchant_id}
        await audit.record(tx, who, audit.Change("program.register", f"program:{program_id}", after=owner))
    return view_of((await program_store.lock_programs(tx, [program_id]))[program_id])


@router.post("/v1/programs/{program_id}/versions", status_code=201)
@allowed("merchant", "operator")
@audited("version.submit", own="merchant")
async def submit_version(program_id: Identifier, submission: Submission, who: Who, tx: TxDependency) -> ProgramView:
    """Hand in a version for review. One at a time; numbers only grow."""
    version = _version(submission.version, submission.manifest)
    program = await lock(tx, who, program_id)
    await _may_be_handed_in(tx, [version])
    change = accepted(domain.submit(program, version), program)
    row = SubmittedRow(program_id, submission.version, submission.manifest.model_dump_json())
    await program_store.add_versions(tx, [row])
    tx.publish(*change.events)
    after = await lock(tx, who, program_id)
    if who.is_staff:
        await audit.record(tx, who, *moved("version.submit", program, after))
    return view_of(after)


@router.post("/v1/programs/{program_id}/versions/{version}/approval")
@allowed("operator")
@audited("version.approve")
async def approve_version(program_id: Identifier, version: VersionNumber, who: Who, tx: TxDependency) -> ProgramView:
    """Approve a submitted version."""
    return await move(tx, who, program_id, "version.approve", lambda program: domain.approve(program, version))


@router.post("/v1/programs/{program_id}/versions/{version}/rejection")
@allowed("operator")
@audited("version.reject")
async def reject_version(
    program_id: Identifier, version: VersionNumber, body: ReasonBody, who: Who, tx: TxDependency
) -> ProgramView:
    """Reject a submitted version, or take back an approved one that is not released."""
    return await move(
        tx, who, program_id, "version.reject", lambda program: domain.reject(program, version, body.reason), body
    )


@router.post("/v1/programs/{program_id}/versions/{version}/release")
@allowed("merchant", "operator")
@audited("version.release", own="merchant", reasoned=True)
async def release_version(program_id: Identifier, version: VersionNumber, who: Who, tx: TxDependency) -> ProgramView:
    """Put an approved version in force: cards open it from now on. One for some hosts is in force there, beside the one of all others."""
    program = await lock(tx, who, program_id)
    await capabilities.may_be_in_force(tx, program, program.version(version))
    return await move(tx, who, program_id, "version.release", lambda program: hosting.release(program, version))


@router.post("/v1/programs/{program_id}/suspension")
@allowed("operator")
@audited("program.suspend", shows=("suspended",))
async def suspend_program(program_id: Identifier, body: ReasonBody, who: Who, tx: TxDependency) -> ProgramView:
    """Suspend a program: every card that leads to it becomes unavailable."""
    program = await lock(tx, who, program_id)
    change = accepted(domain.suspend(program, body.reason), program)
    await program_store.save_suspension(tx, program_id, body.reason)
    tx.publish(*change.events)
    effect = {"suspended": False}, {"suspended": True}
    await audit.record(tx, who, audit.Change("program.suspend", f"program:{program_id}", body.reason, *effect))
    return view_of(await lock(tx, who, program_id))


@router.delete("/v1/programs/{program_id}/suspension")
@allowed("operator")
@audited("program.resume", shows=("suspended",), reasoned=True)
async def resume_program(program_id: Identifier, who: Who, tx: TxDependency) -> ProgramView:
    """Lift a suspension."""
    program = await lock(tx, who, program_id)
    change = accepted(domain.resume(program), program)
    await program_store.save_suspension(tx, program_id, None)
    tx.publish(*change.events)
    effect = {"suspended": True}, {"suspended": False}
    await audit.record(tx, who, audit.Change("program.resume", f"program:{program_id}", None, *effect))
    return view_of(await lock(tx, who, program_id))


@router.post("/v1/programs/batch", status_code=201)
@allowed("operator")
@audited("program.onboard", shows=("released_version",))
async def onboard_programs(command: Onboardings, who: Who, tx: TxDependency) -> dict[str, int]:
    """Register and release many programs at once: what the platform's own onboarding does."""
    wanted = {item.program_id: item for item in command.programs}
    await _register(tx, [ProgramRow(item.program_id, item.merchant_id) for item in wanted.values()])
    programs = await program_store.lock_programs(tx, wanted)
    made = {key: _version(1, item.manifest) for key, item in wanted.items()}
    await _may_be_handed_in(tx, made.values())
    await capabilities.onboarded(tx, made)
    added: list[SubmittedRow] = []
    moves: list[VersionMove] = []
    for program_id, item in wanted.items():
        program = programs[program_id]
        version = _version(max((known.number for known in program.versions), default=0) + 1, item.manifest)
        submitted = accepted(domain.submit(program, version), program)
        approved = accepted(domain.approve(_with(program, submitted), version.number), program)
        released = accepted(hosting.release(_with(program, approved), version.number), program)
        added.append(SubmittedRow(program_id, version.number, item.manifest.model_dump_json()))
        moves.extend(VersionMove.of(program_id, known) for known in released.versions)
        tx.publish(*submitted.events, *approved.events, *released.events)
    await program_store.add_versions(tx, added)
    await program_store.save_states(tx, moves)
    await search_store.refresh_listings(tx, wanted)
    await audit.record(
        tx,
        who,
        *(
            audit.Change("program.onboard", f"program:{row.program_id}", after={"released_version": row.number})
            for row in sorted(added)
        ),
    )
    return {"released": len(wanted)}


@router.get("/v1/programs/{program_id}")
@allowed("anybody")
async def get_program(program_id: Identifier, who: Who, read: Read) -> ProgramView | PublicProgram:
    """A program; its versions and how often it was used only for its merchant and for staff."""
    program = (await program_store.read_programs(read, None, [program_id])).get(program_id) or not_found(
        "program", program_id
    )
    program = await program_store.with_offers(read, program)
    if who.acts_for(merchant=program.merchant_id):
        return view_of(program).model_copy(update={"usage": await use_store.usage(read, program_id)})
    released = program.released or not_found("program", program_id)
    return PublicProgram(
        program_id=program_id,
        merchant_id=program.merchant_id,
        released_version=released.number,
        offers=list(released.offers),
    )


@router.get("/v1/programs")
@allowed("merchant", "viewer")
async def list_programs(merchant_id: Identifier, who: Who, read: Read) -> list[ProgramView]:
    """A merchant's programs."""
    who.require(merchant=merchant_id, hide=("merchant", merchant_id))
    return [view_of(program) for program in (await program_store.read_programs(read, merchant_id, None)).values()]


async def _save_merchants(tx: Tx, who: Who, names: Mapping[str, str]) -> None:
    """Save merchants, and publish those that changed."""
    known = await merchant_store.lock_merchants(tx, names)
    wanted = [MerchantRow(merchant_id, name) for merchant_id, name in names.items()]
    tx.publish(*domain.merchant_news(await merchant_store.save_merchants(tx, wanted)))
    await audit.record(
        tx,
        who,
        *(
            audit.Change(
                "merchant.put", f"merchant:{key}", None, {"name": known[key]} if key in known else None, {"name": name}
            )
            for key, name in sorted(names.items())
        ),
    )


async def _register(tx: Tx, programs: list[ProgramRow]) -> None:
    """Register what is new; refuse unknown merchants and programs of others."""
    merchants = {row.program_id: row.merchant_id for row in programs}
    known = await program_store.merchants_known(tx, merchants.values())
    for merchant_id in merchants.values():
        if merchant_id not in known:
            not_found("merchant", merchant_id)
    fresh = await program_store.register_programs(tx, programs)
    for program in (await program_store.lock_programs(tx, merchants)).values():
        if program.merchant_id != merchants[program.program_id]:
            raise Problem(409, "program_taken", f"program {program.program_id!r} belongs to another merchant")
    tx.publish(*[ProgramRegistered(program_id=key, merchant_id=merchants[key]) for key in sorted(fresh)])


async def _may_be_handed_in(tx: Tx, versions: Collection[Version]) -> None:
    """Refuse versions for hosts that are not there, and those that use what they do not declare."""
    known = await host_store.open_hosts(tx, {host for version in versions for host in version.needs.hosts or ()})
    for version in versions:
        if refusal := hosting.why_not_hosted(version, known) or capabilities.is_whole(version):
            raise Problem(422, refusal.kind, refusal.detail)


def _version(number: int, manifest: Manifest) -> Version:
    offers = tuple(Offer.model_validate(offer.model_dump()) for offer in manifest.offers)
    needs = program_store.needs_of(manifest.model_dump())
    return Version(number, "submitted", manifest.title, manifest.page, offers, needs=needs)


def _with(program: Program, change: Change) -> Program:
    """The program after a change."""
    changed = {version.number: version for version in change.versions}
    kept = [version for version in program.versions if version.number not in changed]
    versions = tuple(sorted([*kept, *changed.values()], key=lambda version: version.number))
    return Program(program.program_id, program.merchant_id, program.suspended_for, versions)
