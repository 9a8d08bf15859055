"""Where a post leads: right or silent.

A card under the wrong post hurts more than one that is missing. So a post leads to a service only when it names it, by its
title or by a keyword that belongs to it, or has most of a long title; and never when its subject forbids a card.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from lutong_contracts.feed import PostPublished
from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound
from lutong_registry.discovery.domain.names import (
    Sentence,
    common_run,
    describes,
    frames,
    is_a_story,
    names,
    share_of,
    shares_a_character,
)
from lutong_registry.discovery.domain.policy import concern
from lutong_registry.discovery.domain.posts import has_matter
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
"""Characters of a keyword that names a service by itself."""

SHORT_HAN: Final = 3
SHORT_LATIN: Final = 6
"""Titles with fewer characters are looked at as keywords are: many are words of the language."""

TITLE_SHARE_MIN: Final = 0.25
KEYWORD_SHARE_MIN: Final = 0.28
"""Share of a sentence that a short title or keyword must be, or the sentence comes up with it and is about something
else. Less is enough where the sentence has a matter to settle and the keyword has a character of its title."""


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

    kind: Literal[1, 2, 3, 4]
    """4 the title, 3 a keyword that belongs to it, 2 another keyword, 1 most of a long title."""
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
    allowed = [match for match in matches if _may_embed(post, match.listing, embedding)]
    found = found_by_words(post.whole, allowed, sentences)
    if isinstance(found, str):
        return ServiceNotFound(post_id=post.post_id, reason=found)
    return _discovered(post, found, "words")


FOR_GOOD: Final = frozenset({"declined", "taken_off", "deleted"})
"""Reasons that no new words of a post change."""


def leads_nowhere(post: PostPublished) -> ServiceNotFound:
    """A post that was deleted, and that a publisher sends once more."""
    return ServiceNotFound(post_id=post.post_id, reason="deleted")


def found_by_words(
    text: str, matches: Sequence[Match], sentences: Sequence[Sentence]
) -> Listing | Literal["sensitive", "no_match"]:
    """The service that a text names best, or why none."""
    if concern(text):
        return "sensitive"
    asking = [sentence for sentence in sentences if not is_a_story(sentence)]
    found = [(evidence, match) for match in matches if (evidence := evidence_of(match, asking))]
    if not found:
        return "no_match"
    _, best = min(
        found, key=lambda each: (-each[0].kind, -each[0].characters, -each[1].uses, each[1].listing.program_id)
    )
    return best.listing


def evidence_of(match: Match, sentences: Sequence[Sentence]) -> Evidence | None:
    """What in a post names a service, if anything does."""
    title = plain(match.listing.title)
    key = key_of(title)
    if len(key) > 1 and key not in stop_words() and any(_is_titled(title, each) for each in sentences):
        return Evidence(4, len(key))
    alone = [
        keyword for keyword in _keywords(match.keywords) if any(_names_alone(keyword, key, each) for each in sentences)
    ]
    if (alone and len(match.keywords) <= KEYWORDS_MAX) or len(alone) > 1:
        own = [keyword for keyword in alone if _belongs(key_of(keyword), key)]
        return Evidence(3 if own else 2, max(len(key_of(keyword)) for keyword in own or alone))
    if match.coverage < COVERAGE_MIN or len(key) < TITLE_COVERED_MIN:
        return None
    in_one_piece = any(common_run(key, each.text) >= RUN_MIN for each in sentences)
    return Evidence(1, match.coverage) if in_one_piece else None


def _keywords(given: Sequence[str]) -> list[str]:
    """Keywords that may name something, plain, each once."""
    known = {key_of(plain(keyword)): plain(keyword) for keyword in given}
    return [keyword for key, keyword in known.items() if len(key) > 1 and key not in stop_words()]


def _names_alone(keyword: str, title: str, sentence: Sentence) -> bool:
    """Whether a sentence is about a keyword, rather than one in which it comes up."""
    if not names(sentence, keyword):
        return False
    key = key_of(keyword)
    belongs = _belongs(key, title)
    is_long = len(key) >= KEYWORD_ALONE_MIN
    if is_long and (belongs or not is_han(key[0])):
        return True
    if (is_long or belongs) and has_matter(sentence.text):
        return True
    is_placed = belongs or len(key) > 2 or frames(sentence, keyword)
    return is_placed and _is_subject(keyword, sentence, KEYWORD_SHARE_MIN)


def _belongs(keyword: str, title: str) -> bool:
    """Whether a keyword belongs to its service: what does is usually named alike."""
    return shares_a_character(keyword, title) if is_han(keyword[0]) else keyword in title


def _is_titled(title: str, sentence: Sentence) -> bool:
    """Whether a sentence has a title. One as short as a word (自如, Keep) may be just that word."""
    if not names(sentence, title):
        return False
    key = key_of(title)
    is_short = len(key) < SHORT_HAN if is_han(key[0]) else len(key) < SHORT_LATIN
    return not is_short or has_matter(sentence.text) or _is_subject(title, sentence, TITLE_SHARE_MIN)


def _is_subject(name: str, sentence: Sentence, share_min: float) -> bool:
    return share_of(sentence, name) >= share_min and not describes(sentence, name)


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
