"""What a service can be found by: terms with an impact, each packed into one number that an index holds.

A *mark* is a term (hashed, 58 bits) with the level of its impact (6 bits): how much the term weighs in this document,
from how often it occurs in which field and how long the field is. Impacts depend on the document alone, so the same
services give the same answers in whatever order they came.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import log
from typing import Final, NamedTuple

from lutong_registry.search.domain import spelling
from lutong_registry.search.domain.text import characters, key_of, plain, words

INDEX_VERSION: Final = 4
"""Raise it when marks or names are made in another way: the service then indexes all its listings anew."""

LEVELS: Final = 64
STEP: Final = 4
"""Distance of two levels: fifteen rank as well as sixty-three, and a question has a third of the marks to look up."""

TOTAL: Final = 0
"""The number under which all listings are counted."""


class Field(NamedTuple):
    """What an occurrence in a field is worth, and how that depends on the field's length, in words."""

    weight: float
    length: float
    slope: float
    times_max: int

    def worth(self, times: int, length: int) -> float:
        """Of a term that occurs so often in a field so long."""
        return self.weight * min(times, self.times_max) / max(0.3, 1 + self.slope * log(max(1, length) / self.length))


TITLE: Final = Field(2.0, 16, 0.35, 2)
KEYWORDS: Final = Field(1.5, 16, 0.0, 1)
CATEGORY: Final = Field(2.0, 2, 0.0, 1)
DESCRIPTION: Final = Field(1.0, 120, 0.4, 8)
SOUND: Final = Field(1.0, 16, 0.35, 1)
SOUND_KEYWORDS: Final = 3
"""Keywords that are also found by their sound: the first ones."""
_SATURATION: Final = 1.2
"""The k1 of BM25: a word that occurs twice does not weigh twice as much."""


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a service."""

    title: str
    keywords: Sequence[str] = ()
    description: str = ""
    category: str | None = None


@lru_cache(maxsize=65536)
def base_of(term: str) -> int:
    """The lowest mark of a term, as PostgreSQL's bigint."""
    number = int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), signed=True)
    return number - number % LEVELS


def marks_of(document: Document) -> list[int]:
    """All marks of a document, in order."""
    worth: defaultdict[str, float] = defaultdict(float)
    names = [plain(document.title), *map(plain, document.keywords)]
    fields = (
        (TITLE, _terms([names[0]])),
        (KEYWORDS, _terms(names[1:])),
        (CATEGORY, _terms([plain(document.category or "")])),
        (DESCRIPTION, _terms([plain(document.description)])),
        (SOUND, Counter(mark for name in names[: 1 + SOUND_KEYWORDS] for mark in spelling.by_sound(name))),
    )
    for field, terms in fields:
        length = terms.total()
        for term, times in terms.items():
            worth[term] += field.worth(times, length)
    return sorted(base_of(term) + level_of(each) for term, each in worth.items())


def level_of(worth: float) -> int:
    """The level of a term's impact, from 4 to 60."""
    return STEP * max(1, round((LEVELS / STEP - 1) * worth / (_SATURATION + worth)))


def impact_of(mark: int) -> float:
    """Between 0 and 1."""
    return mark % LEVELS / (LEVELS - STEP)


def name_of(title: str) -> int:
    """The number of a service's exact name, whatever its spaces, punctuation, case and script."""
    return base_of(f"={key_of(plain(title))}")


def _terms(texts: Iterable[str]) -> Counter[str]:
    return Counter(term for text in texts for part in (words(text), characters(text)) for term in part)
