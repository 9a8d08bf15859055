"""Markdown as this check reads it: inline code, links, and code blocks, each with its line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["code", "link", "text"]

_CODE: Final = re.compile(r"`([^`\n]+)`")
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_FENCE: Final = re.compile(r"^\s*```(\w*)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text, and the line of its fence."""

    language: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Mention:
    """Something that a page names. Lines of console blocks are code; prose itself is text."""

    kind: Kind
    text: str
    line: int


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page."""
    language, began, inside = "", 0, list[str]()
    for number, line in enumerate(page.splitlines(), 1):
        fence = _FENCE.match(line)
        if fence and not began:
            language, began, inside = fence[1], number, []
        elif fence:
            yield Block(language, "\n".join(inside), began)
            began = 0
        elif began:
            inside.append(line)


def mentions(page: str) -> Iterator[Mention]:
    """What a page names outside of blocks of other languages."""
    language, fenced = "", False
    for number, line in enumerate(page.splitlines(), 1):
        if fence := _FENCE.match(line):
            language, fenced = fence[1], not fenced
        elif fenced:
            if language in {"console", "sh", "bash"}:
                yield Mention("code", line.partition(" #")[0].strip(), number)
        else:
            yield Mention("text", line, number)
            yield from (Mention("code", found, number) for found in _CODE.findall(line))
            yield from (Mention("link", found, number) for found in _LINK.findall(_CODE.sub("", line)))
