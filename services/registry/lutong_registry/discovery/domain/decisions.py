"""Where a post leads: right or silent.

A card under the wrong post hurts more than one that is missing. So a post leads to a service only when it names it, by its
title or by a keyword that belongs to it, or has most of a long title; and never when its subject forbids a card.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from lutong_contracts.feed import PostPublished
from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound
from lutong_registry.discovery.domain.names import Sentence, common_run, names, shares_a_character
from lutong_registry.discovery.domain.policy import concern
from lutong_registry.embedding.domain import Embedding
from lutong_registry.search.domain.lexicon import stop_words
from lutong_registry.search.domain.marks import COVERAGE_MIN
from lutong_registry.search.domain.text import is_han, key_of, plain

TITLE_COVERED_MIN: Final = 6
RUN_MIN: Final = 4
"""Characters of a title that may be sentences in part, and of the part in one piece: 中国电子 is not half of 中国电信."""

KEYWORDS_MAX: Final = 8
"""A service with more keywords is named by none of them alone: a menu is not a name."""

KEYWORD_ALONE_MIN: Final = 4
"""Characters of a keyword that names a service by itself. A shorter one must share a character with the title."""


EVERYBODY: Final = Embedding()
"""Nothing is restricted."""


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
    """A service that shares words with a post: how much of its title one sentence has, and how often it was used."""

    listing: Listing
    keywords: Sequence[str]
    coverage: float
    uses: int = 0


class Evidence(NamedTuple):
    """Why a post leads to a service: more is better, by kind first."""

    kind: Literal[1, 2, 3]
    """3 the title, 2 a keyword, 1 most of a long title."""
    characters: float


def discover(
    post: PostPublished,
    by_id: Listing | None,
    matches: Sequence[Match],
    sentences: Sequence[Sentence],
    embedding: Embedding = EVERYBODY,
) -> ServiceDiscovered | ServiceNotFound:
    """Where a post leads. The author's choice is never replaced by a guess from the words, nor is their wish for no card.

    `sentences` are the sentences of the post; `matches` are services that share words with it, in any order. A service that
    its author may not embed is none, whether it is named or guessed.
    """
    if post.card == "none":
        return ServiceNotFound(post_id=post.post_id, reason="declined")
    if post.program_id is not None:
        return _chosen(post, by_id, embedding)
    if concern(post.text):
        return ServiceNotFound(post_id=post.post_id, reason="sensitive")
    found = [
        (evidence, match)
        for match in matches
        if _may_embed(post, match.listing, embedding) and (evidence := evidence_of(match, sentences))
    ]
    if not found:
        return ServiceNotFound(post_id=post.post_id, reason="no_match")
    _, best = min(
        found, key=lambda each: (-each[0].kind, -each[0].characters, -each[1].uses, each[1].listing.program_id)
    )
    return _discovered(post, best.listing, "words")


def evidence_of(match: Match, sentences: Sequence[Sentence]) -> Evidence | None:
    """What in a post names a service, if anything does."""
    title = plain(match.listing.title)
    key = key_of(title)
    if len(key) > 1 and key not in stop_words() and any(names(each, title) for each in sentences):
        return Evidence(3, len(key))
    named = _keywords_named(match.keywords, sentences)
    alone = [keyword for keyword in named if _names_alone(keyword, key)]
    if (alone and len(match.keywords) <= KEYWORDS_MAX) or len(alone) > 1:
        return Evidence(2, max(len(keyword) for keyword in alone))
    if match.coverage < COVERAGE_MIN or len(key) < TITLE_COVERED_MIN:
        return None
    in_one_piece = any(common_run(key, each.text) >= RUN_MIN for each in sentences)
    return Evidence(1, match.coverage) if in_one_piece else None


def _keywords_named(keywords: Sequence[str], sentences: Sequence[Sentence]) -> list[str]:
    known = {key_of(plain(keyword)): plain(keyword) for keyword in keywords}
    return [
        key for key, keyword in known.items()
        if len(key) > 1 and key not in stop_words() and any(names(each, keyword) for each in sentences)
    ]  # fmt: skip


def _names_alone(keyword: str, title: str) -> bool:
    """Whether a keyword names its service, rather than something that it has, too."""
    if not is_han(keyword[0]):
        return len(keyword) >= KEYWORD_ALONE_MIN or keyword in title
    return len(keyword) >= KEYWORD_ALONE_MIN or shares_a_character(keyword, title)


def _may_embed(post: PostPublished, listing: Listing, embedding: Embedding) -> bool:
    return embedding.is_allowed(post.author_id, listing.program_id, listing.merchant_id)


def _chosen(post: PostPublished, listing: Listing | None, embedding: Embedding) -> ServiceDiscovered | ServiceNotFound:
    if listing is None:
        return ServiceNotFound(post_id=post.post_id, reason="unknown_program")
    if not _may_embed(post, listing, embedding):
        return ServiceNotFound(post_id=post.post_id, reason="not_permitted")
    if listing.suspended:
        return ServiceNotFound(post_id=post.post_id, reason="suspended")
    if listing.version is None:
        return ServiceNotFound(post_id=post.post_id, reason="not_released")
    return _discovered(post, listing, "program")


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
