"""What operators decide of the capabilities that a program declares, and what its merchant may know of it."""

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel

from lutong_chassis import Problem, Read, Tx, TxDependency, Who, allowed, audit, audited, not_found
from lutong_contracts.hosts import CAPABILITIES, CapabilityName
from lutong_contracts.values import Identifier
from lutong_registry.bodies import router
from lutong_registry.capabilities import domain, store
from lutong_registry.capabilities.domain import Grants, Refusal
from lutong_registry.programs import store as program_store
from lutong_registry.programs.bodies import ReasonBody
from lutong_registry.programs.domain import Program, Version
from lutong_registry.programs.moves import lock


class CapabilityView(BaseModel):
    """A capability of a program: `declared` by a version of it, `granted`, or neither."""

    name: CapabilityName
    state: Literal["granted", "declared", "none"]


class CapabilitiesView(BaseModel):
    """What a program declares and may use. `enforced`: what is not granted is refused; else a program from before, which goes on."""

    program_id: str
    enforced: bool
    capabilities: list[CapabilityView]


@router.put("/v1/programs/{program_id}/capabilities/{name}")
@allowed("operator")
@audited("capability.grant", shows=("granted",))
async def grant_capability(
    program_id: Identifier, name: CapabilityName, body: ReasonBody, who: Who, tx: TxDependency
) -> CapabilitiesView:
    """Let a program use what one of its versions declares. Repeating it changes nothing."""
    return await _decided(
        tx,
        who,
        program_id,
        ("capability.grant", body.reason),
        lambda known, declared: domain.grant(known, name, declared),
    )


@router.post("/v1/programs/{program_id}/capabilities/{name}/revocation")
@allowed("operator")
@audited("capability.revoke", shows=("granted",))
async def revoke_capability(
    program_id: Identifier, name: CapabilityName, body: ReasonBody, who: Who, tx: TxDependency
) -> CapabilitiesView:
    """Let a program use it no more: what is asked for after that is refused. Holds and agreements that are there go on."""
    return await _decided(
        tx, who, program_id, ("capability.revoke", body.reason), lambda known, _: domain.revoke(known, name)
    )


@router.get("/v1/programs/{program_id}/capabilities")
@allowed("merchant", "viewer")
async def get_capabilities(program_id: Identifier, who: Who, read: Read) -> CapabilitiesView:
    """What a program declares, and what of it is granted."""
    found = (await program_store.read_programs(read, None, [program_id])).get(program_id) or not_found(
        "program", program_id
    )
    who.require(merchant=found.merchant_id, hide=("program", program_id))
    return _view(found, (await store.grants_of(read, [program_id]))[program_id])


async def may_be_in_force(tx: Tx, program: Program, version: Version | None) -> None:
    """Refuse to put a version in force that uses what is not granted. The first that declares something binds its program."""
    if version is None:
        return
    known = (await store.grants_of(tx, [program.program_id]))[program.program_id]
    after = _accepted(domain.released(known, version.needs.capabilities, sells=_sells(version)), program.program_id)
    await _save(tx, known, after)


async def onboarded(tx: Tx, versions: dict[str, Version]) -> None:
    """An operator puts reviewed versions in force: what they declare is granted with it."""
    declaring = {key: version for key, version in versions.items() if version.needs.capabilities}
    for key, known in (await store.grants_of(tx, declaring)).items() if declaring else ():
        await _save(tx, known, known.having(known.granted | {*declaring[key].needs.capabilities}, enforced=True))


def is_whole(version: Version) -> Refusal | None:
    """Why a version's declarations are not whole."""
    return domain.undeclared(version.needs.capabilities, sells=_sells(version))


def _sells(version: Version) -> bool:
    return bool(version.offers or version.offers_of)


async def _decided(
    tx: Tx,
    who: Who,
    program_id: str,
    what: tuple[str, str],
    decide: Callable[[Grants, frozenset[str]], Grants | Refusal],
) -> CapabilitiesView:
    program = await lock(tx, who, program_id)
    known = (await store.grants_of(tx, [program_id]))[program_id]
    after = _accepted(decide(known, _declared(program)), program_id)
    await _save(tx, known, after)
    of = ({"granted": " ".join(sorted(each.granted))} for each in (known, after))
    await audit.record(tx, who, audit.Change(what[0], f"program:{program_id}", what[1], *of))
    return _view(program, after)


async def _save(tx: Tx, known: Grants, after: Grants) -> None:
    if after != known:
        await store.keep(tx, [after])
        tx.publish(after.event)


def _accepted(decided: Grants | Refusal, program_id: str) -> Grants:
    if isinstance(decided, Refusal):
        raise Problem(409, decided.kind, decided.detail, program_id=program_id)
    return decided


def _declared(program: Program) -> frozenset[str]:
    return frozenset(name for version in program.versions for name in version.needs.capabilities)


def _view(program: Program, known: Grants) -> CapabilitiesView:
    declared = _declared(program)
    states = {
        name: "granted" if name in known.granted else "declared" if name in declared else "none"
        for name in CAPABILITIES
    }
    listed = [CapabilityView.model_validate({"name": name, "state": state}) for name, state in states.items()]
    return CapabilitiesView(program_id=program.program_id, enforced=known.enforced, capabilities=listed)
