"""Other ways to write a word: by its sound, by its initials, or with one letter wrong."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final

from pypinyin import lazy_pinyin
from pypinyin.constants import PINYIN_DICT

from lutong_registry.search.domain.text import is_han, is_unspaced, runs

_TYPO_LETTERS: Final = range(4, 16)
"""Words with so many letters are also found with one letter wrong; in shorter ones one letter is another word."""

_INITIALS: Final = re.compile(r"[a-z]{3,}")
_SYLLABLE_MAX: Final = 6


@lru_cache(maxsize=1)
def _syllables() -> frozenset[str]:
    """Every syllable of Mandarin, without tones."""
    found = lazy_pinyin([chr(code) for code in PINYIN_DICT if 0x4E00 <= code < 0xA000], errors="ignore")
    return frozenset(each for each in found if each.isascii() and each.isalpha())


@lru_cache(maxsize=8192)
def sounds(run: str) -> tuple[str, ...]:
    """A Chinese run as it is pronounced, syllable by syllable, as its context wants: 重庆 is chong qing."""
    return tuple(each for each in lazy_pinyin(run, errors="ignore") if each)


def syllables(word: str) -> list[str]:
    """A word of letters as syllables; nothing when it is not made of them. The fewest, longer ones first.

    >>> syllables("gongjijin"), syllables("iphone")
    (['gong', 'ji', 'jin'], [])
    """
    best: list[list[str] | None] = [[], *([None] * len(word))]
    for end in range(1, len(word) + 1):
        for begin in range(max(0, end - _SYLLABLE_MAX), end):
            before, piece = best[begin], word[begin:end]
            if before is not None and piece in _syllables():
                known = best[end]
                if known is None or len(before) + 1 < len(known):
                    best[end] = [*before, piece]
    return best[-1] or []


def sound_pairs(word: str) -> Iterator[str]:
    """Marks of a by_sound word: its syllables two by two. Documents and questions are cut in the same way."""
    cut = syllables(word)
    if len(cut) == 1 and len(word) > 2:
        yield f"~{cut[0]}"
    yield from (f"~{first}{second}" for first, second in pairwise(cut))


def initial_triples(word: str) -> Iterator[str]:
    """Marks of initials: letters three by three, and where they begin."""
    if _INITIALS.fullmatch(word):
        yield f"^^{word[:3]}"
        yield from (f"^{word[place : place + 3]}" for place in range(len(word) - 2))


def with_a_letter_less(word: str) -> Iterator[str]:
    """Marks of a word that has one letter too many, too few or wrong: it shares one with the right word."""
    if len(word) in _TYPO_LETTERS and word.isalpha() and not is_unspaced(word):
        yield f"-{word}"
        yield from {f"-{word[:place]}{word[place + 1 :]}" for place in range(len(word))}


def by_sound(text: str) -> Iterator[str]:
    """What a plain name is also found by: the sound and the initials of each Chinese run, and its words less a letter."""
    for run in runs(text):
        if is_han(run[0]):
            yield from sound_pairs("".join(sounds(run)))
            yield from initial_triples("".join(sound[0] for sound in sounds(run)))
        else:
            yield from with_a_letter_less(run)
