"""Where a post leads: right or silent.

A card under the wrong post hurts more than one that is missing. So a post leads to a service only when it names it, by its
title or by a keyword that belongs to it, or has most of a long title; and never when its subject forbids a card.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal

from lutong_contracts.feed import PostPublished
from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound
from lutong_registry.discovery.domain.evidence import Listing, Match, evidence_of, is_bare, is_called
from lutong_registry.discovery.domain.names import Sentence, is_a_story
from lutong_registry.discovery.domain.policy import concern, looks_on
from lutong_registry.discovery.domain.posts import has_matter, sentences_in
from lutong_registry.embedding.domain import Embedding

EVERYBODY: Final = Embedding()
"""Nothing is restricted."""


def discover(
    post: PostPublished,
    by_id: Listing | None,
    matches: Sequence[Match],
    embedding: Embedding = EVERYBODY,
) -> ServiceDiscovered | ServiceNotFound:
    """Where a post leads. The author's choice is never replaced by a guess from the words, nor is their wish for no card.

    `matches` are services that the post may name, in any order. A service that its author may not embed is none, whether it is
    named or guessed.
    """
    if post.card == "none":
        return ServiceNotFound(post_id=post.post_id, reason="declined")
    if post.program_id is not None:
        return _chosen(post, by_id, embedding)
    allowed = [match for match in matches if _may_embed(post, match.listing, embedding)]
    found = found_by_words(post.whole, allowed)
    if isinstance(found, str):
        return ServiceNotFound(post_id=post.post_id, reason=found)
    return _discovered(post, found, "words")


FOR_GOOD: Final = frozenset({"declined", "taken_off", "deleted"})
"""Reasons that no new words of a post change."""


def leads_nowhere(post: PostPublished) -> ServiceNotFound:
    """A post that was deleted, and that a publisher sends once more."""
    return ServiceNotFound(post_id=post.post_id, reason="deleted")


@lru_cache(maxsize=1024)
def asking_in(text: str) -> tuple[Sentence, ...]:
    """The sentences of a text that may lead to a service, also in official words. None where its subject forbids a card."""
    if concern(text):
        return ()
    return tuple(each for each in sentences_in(text) if not is_a_story(each) and _asks(each))


def found_by_words(text: str, matches: Sequence[Match]) -> Listing | Literal["sensitive", "no_match"]:
    """The service that a text names best, or why none."""
    if concern(text):
        return "sensitive"
    asking = asking_in(text)
    called = [match for match in matches if is_called(match, asking)]
    if any(is_bare(text, match) for match in called):
        return "no_match"
    found = [(evidence, match) for match in called or matches if (evidence := evidence_of(match, asking))]
    if not found:
        return "no_match"
    _, best = min(found, key=lambda each: (*each[0].order, -each[1].uses, each[1].listing.program_id))
    return best.listing


def _asks(sentence: Sentence) -> bool:
    return has_matter(sentence.text) or not looks_on(sentence.text)


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
