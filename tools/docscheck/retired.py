"""Names that were replaced and must not come back: read from the last table of docs/glossary.md."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.docscheck.checkout import tracked

GLOSSARY: Final = "docs/glossary.md"

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_ROW: Final = re.compile(r"^\| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_HISTORY: Final = re.compile(r"^CHANGELOG\.md$|/migrations/|/examples/|\.lock$|^tests/unit/docs/|^LICENSE$")


@dataclass(frozen=True, slots=True)
class Retired:
    """A name, as lower-case words without plural, and what to write instead."""

    name: str
    words: tuple[str, ...]
    instead: str


def retired(glossary: str) -> list[Retired]:
    """The names of the section "Retired"."""
    _, _, section = glossary.partition("\n## Retired\n")
    rows = [row for row in _ROW.findall(section) if row[0] != "retired" and not row[0].startswith("-")]
    return [Retired(name.strip(), _words(name), instead.strip()) for name, instead in rows]


def uses(text: str, names: Sequence[Retired]) -> Iterator[tuple[int, Retired]]:
    """Lines of a text that use one of the names."""
    for number, line in enumerate(text.splitlines(), 1):
        words = _words(line)
        for name in names:
            width = len(name.words)
            if any(words[at : at + width] == name.words for at in range(len(words) - width + 1)):
                yield number, name


def problems(root: Path) -> Iterator[str]:
    """`docs/page.md:12: "errand" is retired: write job`, for each use in the checkout."""
    names = retired((root / GLOSSARY).read_text(encoding="utf-8"))
    for file in tracked(root):
        if file == GLOSSARY or _HISTORY.search(file):
            continue
        yield from (
            f"{file}:{number}: {name.name!r} is retired: use {name.instead}"
            for number, name in uses((root / file).read_text(encoding="utf-8", errors="ignore"), names)
        )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.lower().removesuffix("s") for word in _WORD.findall(text))
