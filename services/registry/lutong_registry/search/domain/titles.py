"""What a post may call a service: one of its names as it is, or most of a long title. Pure.

An index holds both, and gives candidates only: `discovery.domain` decides which of them a post leads to.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from lutong_registry.search.domain.text import key_of, plain, words

COVERAGE_MIN: Final = 0.6
"""Share of a title's words that a sentence must have to be about a service that it does not name."""

COVERED_MIN: Final = 6
"""Characters of a title that a sentence may have in part."""

NAME_CHARACTERS_MAX: Final = 80
"""A name in a post is no longer."""

BITS: Final = 256


class Outline(NamedTuple):
    """What the index has of a title that a sentence may have in part.

    `rarest`: a sentence with most of the title has one of these words; `bits`: all of its words, each as one of 256 bits;
    `words`: how many it has; `spare`: so many of them may be missing.
    """

    rarest: tuple[str, ...]
    bits: str
    words: int
    spare: int


def names_of(title: str, keywords: Sequence[str]) -> list[str]:
    """The names of a service, in order, without what separates their runs. One character is no name.

    >>> names_of("公积金 提取", ["公积金", "Provident Fund", "金"])
    ['providentfund', '公积金', '公积金提取']
    """
    keys = {key_of(plain(name)) for name in (title, *keywords)}
    return sorted(key for key in keys if 1 < len(key) <= NAME_CHARACTERS_MAX)


def outline_of(title: str, listings: Mapping[str, int]) -> Outline | None:
    """What the index has of a title; None of a short one. `listings`: how many services have a word in their title.

    >>> outline_of("社保卡", {}), outline_of("社保卡补换领", {"社保": 9, "保卡": 8})[::2]
    (None, (('卡补', '换领', '补换'), 5))
    """
    known = words_of(title)
    if len(key_of(plain(title))) < COVERED_MIN:
        return None
    spare = int((1 - COVERAGE_MIN) * len(known) + 1e-9)
    rarest = sorted(known, key=lambda word: (listings.get(word, 0), word))[: spare + 1]
    return Outline(tuple(rarest), _written(bits_of(known)), len(known), spare)


def lacking(known: Iterable[str]) -> str:
    """The bits that no word of a sentence has."""
    return _written(~bits_of(known) % (1 << BITS))


def coverage(title: str, known: AbstractSet[str]) -> float:
    """The share of a title's words that a sentence has.

    >>> coverage("公积金提取", {"公积", "积金", "金提"})
    0.75
    """
    words_there = words_of(title)
    return len(words_there & known) / max(1, len(words_there))


@lru_cache(maxsize=16384)
def words_of(text: str) -> frozenset[str]:
    """The words of a title or a sentence, each once."""
    return frozenset(words(plain(text)))


def bits_of(known: Iterable[str]) -> int:
    """Words as bits: several may share one, so a title that fits may have fewer words than its bits show, never more."""
    bits = 0
    for word in known:
        bits |= _bit(word)
    return bits


@lru_cache(maxsize=65536)
def _bit(word: str) -> int:
    """The first byte of its SHA-256, from the left: migration 0021 does the same."""
    return 1 << (BITS - 1 - sha256(word.encode()).digest()[0])


def _written(bits: int) -> str:
    return f"{bits:0{BITS}b}"
