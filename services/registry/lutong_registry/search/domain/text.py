"""One form of text for documents, questions and posts: simplified, folded, in runs of one script.

`plain` is what everything else here takes. It is the same for 駕駛證, ｉＰｈｏｎｅ and Café as for 驾驶证, iphone and cafe.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from opencc import OpenCC

HAN: Final = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_UNSPACED: Final = HAN + "\u3041-\u30ff\u31f0-\u31ff\uac00-\ud7af\u0e00-\u0e7f"
"""Scripts that are written without spaces, or whose words carry endings: their words are pairs of characters."""

_RUN: Final = re.compile(f"[{_UNSPACED}]+|[0-9]+|[^\\W\\d_{_UNSPACED}]+")
_GAP: Final = re.compile(f"(?<=[{_UNSPACED}])\\s+(?=[{_UNSPACED}])")
_ACCENTED: Final = re.compile("[\u00c0-\u024f\u0370-\u052f\u1e00-\u1fff]+")
_MARKS: Final = re.compile("[\u0300-\u036f\u064b-\u065f\u0670\u0640]")
_IS_UNSPACED: Final = re.compile(f"[{_UNSPACED}]")
_IS_HAN: Final = re.compile(f"[{HAN}]")
_SENTENCE: Final = re.compile(r"[。！？；!?;\n]+")
WORD_MAX: Final = 200
"""Characters of a Latin word that count: as long as a question, which may be pinyin without spaces."""

_simplify = OpenCC("t2s").convert


@lru_cache(maxsize=16384)
def plain(text: str) -> str:
    """Text in its searchable form.

    >>> plain("ＩＰｈｏｎｅ　駕駛證 Café")
    'iphone 驾驶证 cafe'
    """
    text = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    text = _simplify(text).casefold()
    return _GAP.sub("", _MARKS.sub("", _ACCENTED.sub(_unaccented, text)))


def _unaccented(hit: re.Match[str]) -> str:
    return _MARKS.sub("", unicodedata.normalize("NFD", hit[0]))


def runs(text: str) -> list[str]:
    """The runs of a plain text, each of one script: `iphone15` is two.

    >>> runs(plain("公积金，iPhone15"))
    ['公积金', 'iphone', '15']
    """
    return [run if is_unspaced(run) else run[:WORD_MAX] for run in _RUN.findall(text)]


@lru_cache(maxsize=16384)
def key_of(text: str) -> str:
    """A plain text without what separates its runs: names that differ in spaces or punctuation only are one name."""
    return "".join(runs(text))


def is_unspaced(run: str) -> bool:
    """Whether the words of a run are pairs of characters."""
    return _IS_UNSPACED.match(run) is not None


def is_han(char: str) -> bool:
    """Whether a character is Chinese."""
    return _IS_HAN.match(char) is not None


def words(text: str) -> Iterator[str]:
    """The words of a plain text, in order, repeated ones too: Latin words and numbers as they are, other runs as pairs.

    >>> list(words("公积金 iphone"))
    ['公积', '积金', 'iphone']
    """
    for run in runs(text):
        if not is_unspaced(run) or len(run) == 1:
            yield run
        else:
            yield from (run[place : place + 2] for place in range(len(run) - 1))


def characters(text: str) -> Iterator[str]:
    """The single characters of the runs that have pairs: what is left of a word with one wrong character."""
    for run in runs(text):
        if is_unspaced(run) and len(run) > 1:
            yield from run


def sentences(text: str) -> list[str]:
    """A post's sentences, plain. No name reaches from one into the next."""
    return [sentence for part in _SENTENCE.split(text) if (sentence := plain(part).strip())]
