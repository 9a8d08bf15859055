"""The word lists of the search: data files in the package, read once. One entry a line, `#` begins a comment."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from lutong_registry.search.domain.text import key_of, plain


def entries(package: str, name: str) -> Iterator[str]:
    """The entries of a list, as they are written."""
    for line in files(package).joinpath("data", name).read_text(encoding="utf-8").splitlines():
        if entry := line.partition("#")[0].strip():
            yield entry


@cache
def stop_words() -> frozenset[str]:
    """Words that mean nothing for a service: no keyword, and no match in a post."""
    return frozenset(key_of(plain(entry)) for entry in entries("lutong_registry.search", "stop_words.txt"))


@cache
def _filler() -> re.Pattern[str]:
    """How people wrap what they ask for, longest first. A single character is left out only where a clause begins or ends:
    within one it may be part of a word, as 嘛 is of 喇嘛."""
    wrapping = sorted(
        {plain(entry) for entry in entries("lutong_registry.search", "filler.txt")}, key=len, reverse=True
    )
    latin = [rf"\b{re.escape(each)}\b" for each in wrapping if each.isascii()]
    others = [_at_an_end(each) if len(each) == 1 else re.escape(each) for each in wrapping if not each.isascii()]
    return re.compile("|".join([*others, *latin]))


def _at_an_end(character: str) -> str:
    return rf"(?<!\w){re.escape(character)}|{re.escape(character)}(?!\w)"


def without_filler(question: str) -> str:
    """A plain question without its wrapping; as it is when there is nothing else in it.

    >>> without_filler("你好，请问我想办公积金提取怎么弄啊")
    '公积金提取'
    """
    bare = " ".join(_filler().sub(" ", question).split())
    return bare.strip("，。？！、,.?! ") if key_of(bare) else question


@cache
def synonyms() -> dict[str, tuple[str, ...]]:
    """For each word, the others that mean the same to a person who asks, all plain."""
    text = files("lutong_registry.search").joinpath("data", "synonyms.toml").read_text(encoding="utf-8")
    found: dict[str, tuple[str, ...]] = {}
    for groups in tomllib.loads(text).values():
        for group in groups:
            names = [plain(name) for name in group]
            for name in names:
                found[name] = (*found.get(name, ()), *(other for other in names if other != name))
    return found


@cache
def _known_words() -> re.Pattern[str]:
    known = sorted(synonyms(), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, known)))


def other_words(text: str) -> dict[str, tuple[str, ...]]:
    """The words of a plain text that have synonyms, each with them; the longest at each place."""
    return {hit: synonyms()[hit] for hit in _known_words().findall(text)}
