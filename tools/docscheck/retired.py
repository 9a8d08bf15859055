"""Names and words that were replaced and must not come back: read from the last tables of docs/glossary.md.

A row in plain letters is refused wherever it stands, in code, documents and messages. A row in `code` is refused as a
part of a name in Python code, a row in *italics* in prose: documents, pages, comments, docstrings, help and errors. Tests
may quote it.
"""

import re
import token
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tokenize import generate_tokens
from typing import Final, Literal, NamedTuple

from tools.docscheck.checkout import tracked

GLOSSARY: Final = "docs/glossary.md"

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_ROW: Final = re.compile(r"^\| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_HISTORY: Final = re.compile(
    r"^CHANGELOG\.md$|^docs/adr/|/migrations/|/examples/|\.lock$|^tests/unit/docs/|^LICENSE$|^docs/(?:flow|routes|settings|events|asyncapi)\."
)
"""What is never edited, and what is generated from code that is looked at itself."""
_PROSE: Final = re.compile(r"^(?!tests/).*(\.(py|md|html|yml|yaml|toml|sh)|Makefile)$")
_NO_PROSE: Final = re.compile(r"`[^`]*`|\]\([^)]*\)|\b\w+_\w+\b")
"""Names in the midst of prose: code spans, where links lead, what has an underscore."""
_TEXTS: Final = {token.COMMENT, token.STRING, getattr(token, "FSTRING_MIDDLE", token.STRING)}
"""Tokens of Python that are prose, or may be."""

Where = Literal["everywhere", "names", "prose"]


@dataclass(frozen=True, slots=True)
class Retired:
    """A name, as lower-case words without plural, and what to write instead."""

    name: str
    words: tuple[str, ...]
    instead: str
    where: Where = "everywhere"


class Use(NamedTuple):
    """A line that uses a retired name."""

    line: int
    name: Retired


class Passage(NamedTuple):
    """Prose, and its first line."""

    line: int
    text: str


def retired(glossary: str) -> list[Retired]:
    """The names of the section "Retired"."""
    _, _, section = glossary.partition("\n## Retired\n")
    rows = [row for row in _ROW.findall(section) if row[0] != "retired" and not row[0].startswith("-")]
    return [Retired(name.strip(" `*"), _words(name), instead.strip(), _where(name)) for name, instead in rows]


def _where(name: str) -> Where:
    return "names" if name.startswith("`") else "prose" if name.startswith("*") else "everywhere"


def uses(text: str, names: Sequence[Retired]) -> Iterator[Use]:
    """Lines of a text that use one of the names."""
    wide = [name for name in names if name.where == "everywhere"]
    if not (first := _beginning(wide)).search(text):
        return
    for number, line in enumerate(text.splitlines(), 1):
        if first.search(line):
            words = _words(line)
            yield from (Use(number, name) for name in wide if _among(name.words, words))


def uses_in_names(source: str, names: Sequence[Retired]) -> Iterator[Use]:
    """Names of Python code that contain one of the words which prose may use."""
    narrow = [name for name in names if name.where == "names"]
    if not _beginning(narrow).search(source):
        return
    for each in generate_tokens(StringIO(source).readline):
        if each.type == token.NAME:
            words = _words(each.string)
            yield from (Use(each.start[0], name) for name in narrow if _among(name.words, words))


def uses_in_prose(file: str, text: str, names: Sequence[Retired]) -> Iterator[Use]:
    """Lines of prose, or of prose in Python code, that contain one of the words which names may use."""
    narrow = [name for name in names if name.where == "prose"]
    if not _PROSE.match(file) or not _beginning(narrow).search(text):
        return
    for begins, passage in _passages(text) if file.endswith(".py") else [Passage(1, text)]:
        for number, line in enumerate(passage.splitlines(), begins):
            words = _words(_NO_PROSE.sub(" ", line))
            yield from (Use(number, name) for name in narrow if _among(name.words, words))


def _passages(source: str) -> Iterator[Passage]:
    """Comments and strings of Python code."""
    for each in generate_tokens(StringIO(source).readline):
        if each.type in _TEXTS:
            yield Passage(each.start[0], each.string)


def problems(root: Path) -> Iterator[str]:
    """`docs/page.md:12: WORD is retired: use INSTEAD`, for each use in the checkout."""
    names = retired((root / GLOSSARY).read_text(encoding="utf-8"))
    for file in tracked(root):
        if file == GLOSSARY or _HISTORY.search(file):
            continue
        text = (root / file).read_text(encoding="utf-8", errors="ignore")
        found = [*uses(text, names), *uses_in_prose(file, text, names)]
        found += uses_in_names(text, names) if file.endswith(".py") else ()
        yield from (f"{file}:{use.line}: {use.name.name!r} is retired: use {use.name.instead}" for use in found)


def _beginning(names: Sequence[Retired]) -> re.Pattern[str]:
    """What each text contains that uses one of the names: most texts and lines need no closer look."""
    return re.compile("|".join(sorted({re.escape(name.words[0]) for name in names})) or "(?!)", re.IGNORECASE)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.lower().removesuffix("s") for word in _WORD.findall(text))


def _among(sought: tuple[str, ...], words: tuple[str, ...]) -> bool:
    width = len(sought)
    return any(words[at : at + width] == sought for at in range(len(words) - width + 1))
