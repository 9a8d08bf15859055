"""The life of a mini-program. Pure: no clock, no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from lutong_contracts import Event
from lutong_contracts.gray import Audience
from lutong_contracts.hosts import NOTHING, Needs, covers
from lutong_contracts.registry import (
    Evidence,
    MerchantChanged,
    MerchantFacts,
    MerchantRegistered,
    ProgramResumed,
    ProgramSuspended,
    VersionApproved,
    VersionRejected,
    VersionReleased,
    VersionRolledBack,
    VersionSubmitted,
)
from lutong_contracts.values import Offer

State = Literal[
    "submitted", "admitted", "approved", "rejected", "withdrawn", "gray", "released", "hosted", "superseded", "rolled_back",
    "forced_offline",
]  # fmt: skip

IN_FLIGHT: Final = frozenset({"submitted", "admitted", "approved", "gray"})
MAY_BECOME: Final[Mapping[State, tuple[State, ...]]] = {
    "submitted": ("withdrawn",),
    "admitted": ("submitted",),
    "approved": ("submitted", "admitted"),
    "rejected": ("submitted", "admitted", "approved"),
    "withdrawn": ("submitted", "admitted", "approved"),
    "gray": ("admitted", "approved", "gray"),
    "released": ("admitted", "approved", "gray"),
    "hosted": ("admitted", "approved", "gray"),
    "rolled_back": ("released", "gray", "hosted"),
    "forced_offline": ("admitted", "approved", "gray", "released", "hosted", "superseded", "rolled_back"),
}
"""From which states a command moves a version to each one. Other versions follow: what was released is superseded, or
in force again. An approved version can still be rejected, lest it keep an urgent fix out of review."""


def merchant_news(merchants: Sequence[MerchantFacts]) -> list[Event]:
    """The events of merchants as they are now."""
    return [
        (MerchantRegistered if facts.revision == 1 else MerchantChanged)(**facts.model_dump()) for facts in merchants
    ]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a program and what a card shows and sells of it.

    `admitted_only`: it passed the first audit alone, so no words lead to it. `audience`: who sees it while it is in gray, at
    its so many-th `stage`. `ended_for`: why it was forced offline or stopped in gray, there with `evidence` if a guardrail did.
    """

    number: int
    state: State
    title: str
    page: str
    offers: tuple[Offer, ...]
    rejected_for: str | None = None
    offers_of: str | None = None
    """The program whose offers it sells, instead of own ones."""
    admitted_only: bool = False
    audience: Audience | None = None
    stage: int = 0
    ended_for: str | None = None
    evidence: Evidence | None = None
    needs: Needs = NOTHING
    """What it needs of the app that it runs in."""

    @property
    def stated_needs(self) -> Needs | None:
        """The same as events carry it: absent of a version that needs nothing."""
        return self.needs if self.needs != NOTHING else None


@dataclass(frozen=True, slots=True)
class Program:
    """A mini-program with all its versions, oldest first."""

    program_id: str
    merchant_id: str
    suspended_for: str | None
    versions: tuple[Version, ...] = ()

    @property
    def released(self) -> Version | None:
        """The version that cards open."""
        return next((version for version in self.versions if version.state == "released"), None)

    @property
    def in_flight(self) -> Version | None:
        """The one version that is in review, waits to be released, or is in gray."""
        return next((version for version in self.versions if version.state in IN_FLIGHT), None)

    def version(self, number: int) -> Version | None:
        """A version by its number."""
        return next((version for version in self.versions if version.number == number), None)


@dataclass(frozen=True, slots=True)
class Change:
    """A decision: the versions that changed state, and what to publish."""

    versions: tuple[Version, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A decision not to: a stable word and a sentence with what to do instead."""

    kind: str
    detail: str


def submit(program: Program, version: Version) -> Change | Refusal:
    """Numbers only grow, and one version is in flight at a time: reviewers never chase a moving target."""
    newest = max((known.number for known in program.versions), default=0)
    if version.number <= newest:
        return Refusal("version_not_newer", f"version {version.number} is not newer than {newest}: use {newest + 1}")
    return blocked(program) or Change(
        (version,), (VersionSubmitted(program_id=program.program_id, version=version.number),)
    )


def blocked(program: Program) -> Refusal | None:
    """Why no version may be handed in now, if none may."""
    pending = program.in_flight
    if pending is None:
        return None
    instead = "release it or roll it back" if pending.state == "gray" else "release, withdraw or reject it"
    return Refusal("in_review", f"version {pending.number} is {pending.state}: {instead} first")


def approve(program: Program, number: int) -> Change | Refusal:
    """Let the merchant release a version, and words lead to it; also one that is admitted, in gray or released already."""
    known, approved = program.version(number), VersionApproved(program_id=program.program_id, version=number)
    if known and known.admitted_only and known.state in {"gray", "released"}:
        return Change((replace(known, admitted_only=False),), (approved,))
    version = ready(program, number, "approved")
    if isinstance(version, Refusal):
        return version
    return Change((replace(version, state="approved", admitted_only=False),), (approved,))


def reject(program: Program, number: int, reason: str) -> Change | Refusal:
    """Refuse a version that is not released yet; the merchant hands in a newer one."""
    version = ready(program, number, "rejected")
    if isinstance(version, Refusal):
        return version
    rejected = VersionRejected(program_id=program.program_id, version=number, reason=reason)
    return Change((replace(version, state="rejected", rejected_for=reason),), (rejected,))


def release(program: Program, number: int) -> Change | Refusal:
    """Put an approved version in force for all that the one in force was for, which is superseded and can be rolled back to."""
    version = ready(program, number, "released")
    if isinstance(version, Refusal):
        return version
    former = (replace(program.released, state="superseded"),) if program.released else ()
    released = VersionReleased(
        program_id=program.program_id,
        merchant_id=program.merchant_id,
        version=number,
        title=version.title,
        page=version.page,
        offers=version.offers,
        offers_of=version.offers_of,
        needs=version.stated_needs,
        promotable=not version.admitted_only,
    )
    now = replace(version, state="released", audience=None)
    return Change((*covered(program, version), *former, now), (released,))


def release_reviewed(program: Program, version: Version) -> Change | Refusal:
    """Put a new version in force that needs no review of its own: what it was made from was reviewed."""
    submitted = submit(program, version)
    if isinstance(submitted, Refusal):
        return submitted
    return release(replace(program, versions=(*program.versions, replace(version, state="approved"))), version.number)


def covered(program: Program, version: Version) -> tuple[Version, ...]:
    """Versions that some hosts had of their own and that a newer one is for, too: they are passed over."""
    return tuple(
        replace(known, state="rolled_back", ended_for="covered")
        for known in program.versions
        if known.state == "hosted" and covers(version.needs.hosts, known.needs.hosts)
    )


def roll_back(program: Program, number: int, to: int | None = None) -> Change | Refusal:
    """Take the released version back; the latest superseded one is in force again, or that with the number `to`.

    Those between are passed over for good: to roll back once more goes further back.
    """
    version = ready(program, number, "rolled_back")
    if isinstance(version, Refusal):
        return version
    earlier = [known for known in program.versions if known.state == "superseded"]
    if not earlier:
        return Refusal("nothing_to_roll_back_to", "no earlier version was released: suspend the program instead")
    back = earlier[-1] if to is None else next((known for known in earlier if known.number == to), None)
    if back is None:
        possible = ", ".join(str(known.number) for known in reversed(earlier))
        return Refusal("not_superseded", f"version {to} cannot be in force again: choose one of {possible}")
    passed = (replace(known, state="rolled_back") for known in earlier if known.number > back.number)
    rolled_back = VersionRolledBack(
        program_id=program.program_id,
        merchant_id=program.merchant_id,
        withdrawn_version=number,
        version=back.number,
        title=back.title,
        page=back.page,
        offers=back.offers,
        offers_of=back.offers_of,
        needs=back.stated_needs,
        promotable=not back.admitted_only,
    )
    moved = (replace(version, state="rolled_back"), *passed, replace(back, state="released"))
    return Change(moved, (rolled_back,))


def suspend(program: Program, reason: str) -> Change | Refusal:
    """Stop a program at once; its versions stay as they are."""
    if program.suspended_for:
        return Refusal("already_suspended", f"the program is suspended already: {program.suspended_for}")
    return Change((), (ProgramSuspended(program_id=program.program_id, reason=reason),))


def resume(program: Program) -> Change | Refusal:
    """Lift a suspension."""
    if not program.suspended_for:
        return Refusal("not_suspended", "the program is not suspended")
    return Change((), (ProgramResumed(program_id=program.program_id),))


def why_not_promoted(program: Program | None) -> Refusal | None:
    """Why a program cannot be in a push or have page views: its version in force must have passed the second audit, and it must be open."""
    released = program.released if program else None
    if program is None or released is None:
        return Refusal("program_not_released", "no version of the program is released: release one first")
    if program.suspended_for:
        return Refusal("program_suspended", f"the program is suspended ({program.suspended_for}): name another one")
    if released.admitted_only:
        return Refusal(
            "program_not_promotable",
            f"version {released.number} is admitted only: it may be promoted when its second audit approves it",
        )
    return None


def ready(program: Program, number: int, becomes: State) -> Version | Refusal:
    """A version that may become something now, or why it may not."""
    version = program.version(number)
    if version is None:
        return Refusal("unknown_version", f"there is no version {number}: submit it first")
    if version.state not in MAY_BECOME[becomes]:
        wanted = " or ".join(MAY_BECOME[becomes])
        return Refusal("wrong_state", f"version {number} is {version.state}: only {wanted} becomes {becomes}")
    return version
