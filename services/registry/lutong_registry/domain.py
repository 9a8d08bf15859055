"""The life of a mini-program, and which service a post leads to. Pure: no clock, no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from lutong_contracts import Event
from lutong_contracts.feed import PostPublished
from lutong_contracts.registry import (
    MerchantChanged,
    MerchantFacts,
    MerchantRegistered,
    ProgramResumed,
    ProgramSuspended,
    ServiceDiscovered,
    ServiceNotFound,
    VersionApproved,
    VersionRejected,
    VersionReleased,
    VersionRolledBack,
    VersionSubmitted,
)
from lutong_contracts.values import Offer

State = Literal["submitted", "approved", "rejected", "released", "superseded", "rolled_back"]

IN_REVIEW: Final = frozenset({"submitted", "approved"})
MAY_BECOME: Final[Mapping[State, tuple[State, ...]]] = {
    "approved": ("submitted",),
    "rejected": ("submitted", "approved"),
    "released": ("approved",),
    "rolled_back": ("released",),
}
"""From which states a command moves a version to each one. Other versions follow: what was released is superseded, or
in force again. An approved version can still be rejected, lest it keep an urgent fix out of review."""
COVERAGE_MIN: Final = 0.6
"""Share of a title's word pairs that a post must contain to match without naming the service."""


def merchant_news(merchants: Sequence[MerchantFacts]) -> list[Event]:
    """What is said of merchants as they are now."""
    return [
        (MerchantRegistered if facts.revision == 1 else MerchantChanged)(**facts.model_dump()) for facts in merchants
    ]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a program and what a card shows and sells of it."""

    number: int
    state: State
    title: str
    page: str
    offers: tuple[Offer, ...]
    rejected_for: str | None = None


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

    def version(self, number: int) -> Version | None:
        """A version by its number."""
        return next((version for version in self.versions if version.number == number), None)


@dataclass(frozen=True, slots=True)
class Change:
    """A decision: the versions that changed state, and what to say."""

    versions: tuple[Version, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A decision not to: a stable word and a sentence that says what to do instead."""

    kind: str
    detail: str


def submit(program: Program, version: Version) -> Change | Refusal:
    """Numbers only grow, and one version is in review at a time: reviewers never chase a moving target."""
    newest = max((known.number for known in program.versions), default=0)
    if version.number <= newest:
        return Refusal("version_not_newer", f"version {version.number} is not newer than {newest}: use {newest + 1}")
    pending = next((known for known in program.versions if known.state in IN_REVIEW), None)
    if pending:
        return Refusal("in_review", f"version {pending.number} is {pending.state}: release or reject it first")
    return Change((version,), (VersionSubmitted(program_id=program.program_id, version=version.number),))


def approve(program: Program, number: int) -> Change | Refusal:
    """Let the merchant release a submitted version."""
    version = _ready(program, number, "approved")
    if isinstance(version, Refusal):
        return version
    return Change(
        (replace(version, state="approved"),), (VersionApproved(program_id=program.program_id, version=number),)
    )


def reject(program: Program, number: int, reason: str) -> Change | Refusal:
    """Refuse a version that is not released yet; the merchant hands in a newer one."""
    version = _ready(program, number, "rejected")
    if isinstance(version, Refusal):
        return version
    rejected = VersionRejected(program_id=program.program_id, version=number, reason=reason)
    return Change((replace(version, state="rejected", rejected_for=reason),), (rejected,))


def release(program: Program, number: int) -> Change | Refusal:
    """Put an approved version in force; the one that was is superseded and can be rolled back to."""
    version = _ready(program, number, "released")
    if isinstance(version, Refusal):
        return version
    former = program.released
    changed = (replace(former, state="superseded"),) if former else ()
    rejected = VersionReleased(
        program_id=program.program_id,
        merchant_id=program.merchant_id,
        version=number,
        title=version.title,
        page=version.page,
        offers=version.offers,
    )
    return Change((*changed, replace(version, state="released")), (rejected,))


def roll_back(program: Program, number: int) -> Change | Refusal:
    """Take the released version back; the latest superseded one is in force again."""
    version = _ready(program, number, "rolled_back")
    if isinstance(version, Refusal):
        return version
    earlier = [known for known in program.versions if known.state == "superseded"]
    if not earlier:
        return Refusal("nothing_to_roll_back_to", "no earlier version was released: suspend the program instead")
    back = earlier[-1]
    rejected = VersionRolledBack(
        program_id=program.program_id,
        merchant_id=program.merchant_id,
        withdrawn_version=number,
        version=back.number,
        title=back.title,
        page=back.page,
        offers=back.offers,
    )
    return Change((replace(version, state="rolled_back"), replace(back, state="released")), (rejected,))


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


def _ready(program: Program, number: int, becomes: State) -> Version | Refusal:
    version = program.version(number)
    if version is None:
        return Refusal("unknown_version", f"there is no version {number}: submit it first")
    if version.state not in MAY_BECOME[becomes]:
        wanted = " or ".join(MAY_BECOME[becomes])
        return Refusal("wrong_state", f"version {number} is {version.state}: only {wanted} becomes {becomes}")
    return version


@dataclass(frozen=True, slots=True)
class Listing:
    """What the registry knows of a program when a post asks for it."""

    program_id: str
    merchant_id: str
    suspended: bool
    version: int | None
    title: str
    page: str


@dataclass(frozen=True, slots=True)
class Match:
    """A service whose words overlap with a post's. `named` when its title or a keyword occurs as it is."""

    listing: Listing
    named: bool
    coverage: float


def discover(
    post: PostPublished, by_id: Listing | None, matches: Sequence[Match]
) -> ServiceDiscovered | ServiceNotFound:
    """Where a post leads. The author's choice is never replaced by a guess from the words.

    `matches` come best first. A match by overlap alone must cover most of the title: posts are
    long, and any two of them share a few word pairs.
    """
    if post.program_id is not None:
        if by_id is None:
            return ServiceNotFound(post_id=post.post_id, reason="unknown_program")
        if by_id.suspended:
            return ServiceNotFound(post_id=post.post_id, reason="suspended")
        if by_id.version is None:
            return ServiceNotFound(post_id=post.post_id, reason="not_released")
        return _discovered(post, by_id, "program")
    for match in matches:
        if match.named or match.coverage >= COVERAGE_MIN:
            return _discovered(post, match.listing, "words")
    return ServiceNotFound(post_id=post.post_id, reason="no_match")


def _discovered(post: PostPublished, listing: Listing, matched_by: Literal["program", "words"]) -> ServiceDiscovered:
    if listing.version is None:
        raise ValueError(f"{listing.program_id} has no released version")
    return ServiceDiscovered(
        post_id=post.post_id,
        program_id=listing.program_id,
        merchant_id=listing.merchant_id,
        version=listing.version,
        title=listing.title,
        page=listing.page,
        matched_by=matched_by,
    )
