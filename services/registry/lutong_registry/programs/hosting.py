"""Versions that some hosts have of their own, beside the released one that all others open. Pure: no clock, no database, no ids made here."""

from collections.abc import Collection
from dataclasses import replace

from lutong_contracts.hosts import covers
from lutong_contracts.registry import VersionHosted, VersionUnhosted
from lutong_registry.programs.domain import Change, Program, Refusal, Version, covered, ready
from lutong_registry.programs.domain import release as release_everywhere


def why_not_hosted(version: Version, open_hosts: Collection[str]) -> Refusal | None:
    """Why a version cannot be handed in for the hosts that it names: all must be registered, and not retired."""
    strange = sorted({*(version.needs.hosts or ())} - {*open_hosts})
    if not strange:
        return None
    named = ", ".join(repr(host_id) for host_id in strange)
    detail = f"manifest /hosts: {named} not registered, or retired: GET /v1/hosts has those that are open"
    return Refusal("unknown_host", detail)


def release(program: Program, number: int) -> Change | Refusal:
    """Put an approved version in force: in the hosts that it names beside what all others open, or for all that the one in force was for."""
    version = ready(program, number, "released")
    if isinstance(version, Refusal):
        return version
    return hosted(program, version) if beside(program, version) else release_everywhere(program, number)


def beside(program: Program, version: Version) -> bool:
    """Whether a version, when it is released, is for some hosts only, while others go on with the one in force."""
    main = program.released
    return main is not None and not covers(version.needs.hosts, main.needs.hosts)


def hosted(program: Program, version: Version) -> Change:
    """Put a version in force in the hosts that it names; what only they had before is passed over."""
    event = VersionHosted(
        program_id=program.program_id,
        merchant_id=program.merchant_id,
        version=version.number,
        title=version.title,
        page=version.page,
        offers=version.offers,
        needs=version.needs,
    )
    now = replace(version, state="hosted", audience=None)
    return Change((*covered(program, version), now), (event,))


def take_back(program: Program, version: Version, reason: str) -> Change:
    """The hosts that had this version of their own open what all others do."""
    event = VersionUnhosted(program_id=program.program_id, version=version.number, reason=reason)
    return Change((replace(version, state="rolled_back", ended_for=reason),), (event,))


def in_force(program: Program, host_id: str) -> Version | None:
    """The one version that is in force in a host: the newest that is its own, or what all have."""
    own = [each for each in program.versions if each.state == "hosted" and host_id in (each.needs.hosts or ())]
    return max(own, key=lambda version: version.number, default=program.released)
