"""Which service a post leads to. Pure: no clock, no database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lutong_contracts.feed import PostPublished
from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound

COVERAGE_MIN: Final = 0.6
"""Share of a title's word pairs that a post must contain to match without naming the service."""


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
