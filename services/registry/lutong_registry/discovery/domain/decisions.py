"""Where a post leads: right or silent.

A card under the wrong post hurts more than one that is missing. So a post leads to a service only when it names it, by its
title or by a keyword that belongs to it, or has most of a long title; and never when its subject forbids a card.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from lutong_contracts.feed import PostPublished
from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound
from lutong_registry.discovery.domain.names import (
    Sentence,
    begins,
    common_run,
    describes,
    frames,
    is_a_story,
    is_short_for,
    names,
    share_of,
    shares_a_character,
)
from lutong_registry.discovery.domain.policy import concern, looks_on
from lutong_registry.discovery.domain.posts import has_matter, is_to_settle, sentences_in
from lutong_registry.embedding.domain import Embedding
from lutong_registry.search.domain.lexicon import stop_words
from lutong_registry.search.domain.text import is_han, key_of, plain
from lutong_registry.search.domain.titles import COVERAGE_MIN, COVERED_MIN, coverage, words_of

RUN_MIN: Final = 4
"""Characters of the part of a title in one piece: 中国电子 is not half of 中国电信."""

KEYWORDS_MAX: Final = 8
"""A service with more keywords is named by none of them alone: a menu is not a name."""

KEYWORD_ALONE_MIN: Final = 4
"""Characters of a keyword that names a service by itself."""

TITLE_ALONE_MIN: Final = 6
"""Characters of a title that needs to be no more than in a sentence. Shorter ones are brands, which come up in all sorts of
stories, or words of the language."""

SHORT_HAN: Final = 3
"""Chinese names with fewer characters are mostly words of the language."""

SHARE_MIN: Final = 0.28
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
    """A service that a post may name: how much of its title it has (`covered`), and how often the service was used."""

    listing: Listing
    keywords: Sequence[str]
    coverage: float
    uses: int = 0
    is_named: bool = True
    """Whether one of its names may stand in the post; else only most of its title does."""


class Evidence(NamedTuple):
    """Why a post leads to a service. A title is best and most of one worst; of keywords the longer one is, then its own."""

    kind: Literal[1, 2, 3, 4]
    """4 the title, 3 a keyword that belongs to it, 2 another keyword, 1 most of a long title."""
    characters: float

    @property
    def order(self) -> tuple[bool, bool, float, int]:
        """The best first: 火车票 is more of 火车票和购票 than 购票 is."""
        return self.kind < 4, self.kind == 1, -self.characters, -self.kind  # the kinds above


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
    called = [match for match in matches if _is_called(match, asking)]
    if any(_is_bare(text, match) for match in called):
        return "no_match"
    found = [(evidence, match) for match in called or matches if (evidence := evidence_of(match, asking))]
    if not found:
        return "no_match"
    _, best = min(found, key=lambda each: (*each[0].order, -each[1].uses, each[1].listing.program_id))
    return best.listing


def _is_called(match: Match, sentences: Sequence[Sentence]) -> bool:
    """Whether a post calls a service by its own name: then it is not about one that sells the same. 小米洗衣机 is not of 海尔."""
    if not match.is_named:
        return False
    title = plain(match.listing.title)
    key = key_of(title)
    own = [name for name in (title, *_keywords(match.keywords, key)) if _leads(key_of(name), key)]
    return any(names(sentence, name) for name in own for sentence in sentences)


def _is_bare(text: str, match: Match) -> bool:
    """Whether a text is nothing but a brand: that shows no need, and in the news mostly nothing good. A matter is no brand."""
    title = plain(match.listing.title)
    return _leads(key_of(plain(text)), key_of(title)) and not has_matter(title) and not has_matter(plain(text))


def _asks(sentence: Sentence) -> bool:
    return has_matter(sentence.text) or not looks_on(sentence.text)


def _leads(key: str, title: str) -> bool:
    """Whether a name is how a title begins, or short for it: brands come first, 京东 in 京东快递; what is sold comes last."""
    if len(key) < 2 or key in stop_words() or key[0] != title[:1]:  # one character is no name
        return False
    return title.startswith(key) or (is_han(key[0]) and is_short_for(key, title))


def evidence_of(match: Match, sentences: Sequence[Sentence]) -> Evidence | None:
    """What in a post names a service, if anything does."""
    if match.is_named and (found := _by_name(match, sentences)):
        return found
    return Evidence(1, match.coverage) if match.coverage else None


def _by_name(match: Match, sentences: Sequence[Sentence]) -> Evidence | None:
    title = plain(match.listing.title)
    key = key_of(title)
    if len(key) > 1 and key not in stop_words() and any(_is_titled(title, each) for each in sentences):
        return Evidence(4, len(key))
    alone = [
        keyword
        for keyword in _keywords(match.keywords, key)
        if any(_names_alone(keyword, key, each) for each in sentences)
    ]
    if (alone and len(match.keywords) <= KEYWORDS_MAX) or len(alone) > 1:
        own = [keyword for keyword in alone if _belongs(key_of(keyword), key)]
        return Evidence(3 if own else 2, max(len(key_of(keyword)) for keyword in own or alone))
    return None


def covered(title: str, sentences: Sequence[Sentence]) -> float:
    """The most that a sentence with a matter has of a long title: the share of its words, 0 unless it is most of them and in
    one piece."""
    key = key_of(plain(title))
    if len(key) < COVERED_MIN:
        return 0
    return max((_covered(title, key, each.text) for each in sentences if is_to_settle(each.text)), default=0)


def _covered(title: str, key: str, sentence: str) -> float:
    share = coverage(title, words_of(sentence))
    return share if share >= COVERAGE_MIN and common_run(key, sentence) >= RUN_MIN else 0


def _keywords(given: Sequence[str], title: str) -> list[str]:
    """Keywords that may name something, plain, each once; one from within the title also with what the title has before it."""
    known = {key_of(plain(keyword)): plain(keyword) for keyword in given}
    for key in [key for key in known if title.find(key) > 0]:
        begun = title[: title.find(key) + len(key)]
        known.setdefault(begun, begun)
    return [keyword for key, keyword in known.items() if len(key) > 1 and key not in stop_words()]


def _names_alone(keyword: str, title: str, sentence: Sentence) -> bool:
    """Whether a sentence is about a keyword, rather than one in which it comes up."""
    if not names(sentence, keyword):
        return False
    key = key_of(keyword)
    belongs = _belongs(key, title)
    is_long = len(key) >= KEYWORD_ALONE_MIN
    if not is_han(key[0]) and is_long and begins(sentence, keyword):
        return True
    is_sold = is_han(key[0]) and key in title and not _leads(key, title)
    if (is_long or belongs) and has_matter(sentence.text) and not is_sold:
        return True
    return _is_placed(keyword, title, sentence, is_sold=is_sold) and _is_subject(keyword, sentence)


def _is_placed(keyword: str, title: str, sentence: Sentence, *, is_sold: bool) -> bool:
    """Whether a short word is more than that. A brand begins its clause: 荣耀 in 黑暗荣耀 is none. What only one of
    its kind has in its title is also of the others: 音乐节 alone is not 草莓音乐节. And 抢票 is of any tickets."""
    key = key_of(keyword)
    if not is_han(key[0]):
        return True
    if _leads(key, title):
        return len(key) >= SHORT_HAN or begins(sentence, keyword)
    if is_sold:
        return has_matter(sentence.text)
    return len(key) >= SHORT_HAN or (has_matter(sentence.text) and frames(sentence, keyword))


def _belongs(keyword: str, title: str) -> bool:
    """Whether a keyword belongs to its service: what does is usually named alike."""
    return shares_a_character(keyword, title) if is_han(keyword[0]) else keyword in title


def _is_titled(title: str, sentence: Sentence) -> bool:
    """Whether a sentence has a title. One as short as a word (自如, Keep) may be just that word."""
    if not names(sentence, title):
        return False
    key = key_of(title)
    if len(key) >= TITLE_ALONE_MIN or has_matter(sentence.text):
        return True
    is_placed = len(key) >= SHORT_HAN or begins(sentence, title)
    return is_placed and _is_subject(title, sentence)


def _is_subject(name: str, sentence: Sentence) -> bool:
    return share_of(sentence, name) >= SHARE_MIN and not describes(sentence, name)


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
