"""What merchants and reviewers ask of versions on their way to everybody."""

from typing import Final

from lutong_chassis import Read, TxDependency, Who, allowed, audited, not_found
from lutong_contracts.values import Identifier, VersionNumber
from lutong_registry.bodies import router
from lutong_registry.programs import hosting
from lutong_registry.programs import store as program_store
from lutong_registry.programs.bodies import ProgramView, ReasonBody
from lutong_registry.programs.capabilities_http import may_be_in_force
from lutong_registry.programs.domain import Program
from lutong_registry.programs.moves import lock, move
from lutong_registry.releases import domain, store, trials
from lutong_registry.releases.bodies import (
    InForceView,
    ReleaseView,
    Rollback,
    WantedAudience,
    WithdrawalsView,
    release_view,
)
from lutong_registry.releases.domain import StoppedBy

_ONE_BACK: Final = Rollback()


@router.post("/v1/programs/{program_id}/versions/{version}/admission")
@allowed("operator")
@audited("version.admit")
async def admit_version(program_id: Identifier, version: VersionNumber, who: Who, tx: TxDependency) -> ProgramView:
    """Let a version that passed the first of two audits be released; no words lead to it before it is approved."""
    return await move(tx, who, program_id, "version.admit", lambda program: domain.admit(program, version))


@router.post("/v1/programs/{program_id}/versions/{version}/withdrawal")
@allowed("merchant", "operator")
@audited("version.withdraw", own="merchant", reasoned=True)
async def withdraw_version(program_id: Identifier, version: VersionNumber, who: Who, tx: TxDependency) -> ProgramView:
    """Take a version out of review; it is its merchant's again. Five times a day and ten times a month."""
    await lock(tx, who, program_id)
    past = await store.withdrawals(tx, program_id)
    left = domain.rest(past.at, past.now)
    view = await move(tx, who, program_id, "version.withdraw", lambda program: domain.withdraw(program, version, left))
    await store.save_withdrawal(tx, program_id, version)
    return view


@router.post("/v1/programs/{program_id}/versions/{version}/resubmission")
@allowed("merchant", "operator")
@audited("version.resubmit", own="merchant")
async def resubmit_version(program_id: Identifier, version: VersionNumber, who: Who, tx: TxDependency) -> ProgramView:
    """Hand a withdrawn version in for review again, as it is."""
    return await move(tx, who, program_id, "version.resubmit", lambda program: domain.resubmit(program, version))


@router.get("/v1/programs/{program_id}/withdrawals")
@allowed("merchant", "viewer")
async def get_withdrawals(program_id: Identifier, who: Who, read: Read) -> WithdrawalsView:
    """How many withdrawals are left today and this month, and when all of them are there again."""
    await _read(read, who, program_id)
    past = await store.withdrawals(read, program_id)
    return WithdrawalsView.of(program_id, domain.rest(past.at, past.now))


@router.post("/v1/programs/{program_id}/versions/{version}/gray")
@allowed("merchant", "operator")
@audited("version.gray", own="merchant", shows=("percent",), reasoned=True)
async def gray_version(
    program_id: Identifier, version: VersionNumber, body: WantedAudience, who: Who, tx: TxDependency
) -> ProgramView:
    """Show a version to some viewers, or to more of them: 10, 30, 50 %. To everybody, release it."""
    wanted, salt = body.wanted(), str(tx.new_id())
    program = await lock(tx, who, program_id)
    await may_be_in_force(tx, program, program.version(version))
    return await move(tx, who, program_id, "version.gray", lambda program: domain.gray(program, version, wanted, salt))


@router.post("/v1/programs/{program_id}/versions/{version}/rollback")
@allowed("merchant", "operator")
@audited("version.roll_back", own="merchant", reasoned=True)
async def roll_back_version(
    program_id: Identifier, version: VersionNumber, who: Who, tx: TxDependency, body: Rollback = _ONE_BACK
) -> ProgramView:
    """Take the released version back: the one before it is in force again, or an earlier one (`to`). One in gray stops."""
    by: StoppedBy = "operator" if who.is_staff else "merchant"
    return await move(
        tx,
        who,
        program_id,
        "version.roll_back",
        lambda program: domain.take_back(program, version, body.to, by, body.reason),
    )


@router.post("/v1/programs/{program_id}/versions/{version}/offline")
@allowed("operator")
@audited("version.force_offline")
async def force_version_offline(
    program_id: Identifier, version: VersionNumber, body: ReasonBody, who: Who, tx: TxDependency
) -> ProgramView:
    """Forbid a version for good; if it was released, every card of the program shows the reason until another one is."""
    return await move(
        tx, who, program_id, "version.force_offline",
        lambda program: domain.force_offline(program, version, body.reason), body,
    )  # fmt: skip


@router.get("/v1/programs/{program_id}/versions/{version}")
@allowed("merchant", "viewer")
async def get_version(program_id: Identifier, version: VersionNumber, who: Who, read: Read) -> ReleaseView:
    """A version: how far it is, who sees it, what came of it beside its control, and why it ended."""
    program = await _read(read, who, program_id)
    known = program.version(version) or not_found("version", f"{program_id}/{version}")
    measured = await trials.measured(read, program_id, version)
    return release_view(program_id, known, program.released, measured)


@router.get("/v1/hosts/{host_id}/programs/{program_id}")
@allowed("anybody")
async def get_program_in_host(host_id: Identifier, program_id: Identifier, read: Read) -> InForceView:
    """The version of a program that is in force in an app. 404 where none is."""
    found = (await program_store.read_programs(read, None, [program_id])).get(program_id)
    version = hosting.in_force(found, host_id) if found and not found.suspended_for else None
    if version is None or (version.needs.hosts is not None and host_id not in version.needs.hosts):
        return not_found("program", f"{program_id} in {host_id}")
    facts = {"program_id": program_id, "host_id": host_id, "version": version.number}
    return InForceView(**facts, title=version.title, page=version.page, needs=version.needs)


async def _read(read: Read, who: Who, program_id: str) -> Program:
    program = (await program_store.read_programs(read, None, [program_id])).get(program_id) or not_found(
        "program", program_id
    )
    who.require(merchant=program.merchant_id, hide=("program", program_id))
    return program
