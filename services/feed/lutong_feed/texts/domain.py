"""What a text is to its readers: characters as they count them, and nothing that harms. Pure: no clock, no database, no ids made here."""

from functools import lru_cache
from typing import Final, Literal, NamedTuple

import regex

from lutong_contracts.values import has_something
from lutong_feed.domain import Refusal

CHARACTERS_MAX: Final = 2_000
"""Of a post, as a reader counts: 👩‍👩‍👧‍👦, กำ and क्षि are one each (extended grapheme clusters, UAX #29)."""

CODE_POINTS_MAX: Final = 32
"""Of one character. The longest that people write have a dozen; what has more covers the lines above and below."""

FIRST_PART_MAX: Final = 2_000
"""Code points of `PostPublished.text`; what follows is `rest`."""

SPANS_MAX: Final = 100

_CHARACTER: Final = regex.compile(r"\X")
_ODD: Final = regex.compile(r"[\x80-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb]")
_LINE_ENDS: Final = frozenset("\x85\u2028\u2029")
_EMBEDDINGS: Final = frozenset("\u202a\u202b")
_ISOLATES: Final = frozenset("\u2066\u2067\u2068")
_POP: Final = "\u202c"
_POP_ISOLATE: Final = "\u2069"

_UNSPACED: Final = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_SPAN: Final = regex.compile(
    rf"""
    (?<! [[\p{{L}}\p{{M}}\p{{N}}._%+\-@/]--[{_UNSPACED}]] ) @
        (?P<mention> [\p{{L}}\p{{N}}_] (?: [\p{{L}}\p{{M}}\p{{N}}_] | [.\-·] (?=[\p{{L}}\p{{N}}_]) ){{0,63}} )
    | \# (?![\p{{M}}]) (?!\s*\#) (?P<topic> (?: (?![\#\n]) \X ){{1,32}} ) \# (?![\p{{M}}])
    """,
    regex.VERBOSE | regex.VERSION1,
)


class Span(NamedTuple):
    """A part of a text that names an account or a topic: from where to where, in code points, and the name without its signs."""

    kind: Literal["mention", "topic"]
    start: int
    end: int
    word: str


def characters(text: str) -> int:
    r"""How many characters a reader counts.

    >>> characters("e\u0301👩‍👩‍👧‍👦ก็")
    3
    """
    return len(text) if text.isascii() else sum(1 for _ in _CHARACTER.finditer(text))


def why_unpublished(text: str) -> Refusal | None:
    """Why a text is no post's: too many characters, or one that is piled up."""
    if not text.isascii():
        piled = next((found for found in _CHARACTER.finditer(text) if len(found[0]) > CODE_POINTS_MAX), None)
        if piled:
            where = characters(text[: piled.start()]) + 1
            what = f"character {where} has {len(piled[0])} signs piled up, at most {CODE_POINTS_MAX} are allowed"
            return Refusal("piled_up", f"{what}: take some off")
    if unseen := why_unseen(text):
        return unseen
    counted = characters(text)
    if counted > CHARACTERS_MAX:
        return Refusal(
            "too_long", f"the text has {counted} characters, at most {CHARACTERS_MAX} are allowed: shorten it"
        )
    return None


def why_unseen(text: str) -> Refusal | None:
    """Why a text has no first part: nothing can be seen in what events carry first."""
    parts = parted(text)
    if parts.rest is None or has_something(parts.text):
        return None
    return Refusal("unseen_beginning", "the text begins with 2,000 characters that cannot be seen: take them off")


class Parts(NamedTuple):
    """A text as events carry it: what the first field takes, and what follows, if anything."""

    text: str
    rest: str | None


def parted(text: str) -> Parts:
    """A text in two parts, cut between characters; within one that is piled up, which is published nowhere."""
    if len(text) <= FIRST_PART_MAX:
        return Parts(text, None)
    starts = (found.start() for found in _CHARACTER.finditer(text[: FIRST_PART_MAX + CODE_POINTS_MAX]))
    cut = max(start for start in starts if start <= FIRST_PART_MAX) or FIRST_PART_MAX
    return Parts(text[:cut], text[cut:])


def shown(text: str) -> str:
    r"""A text as it is served: as it was written, but for what would obey or mislead whatever shows it.

    Without overrides of direction, C1 controls and annotation marks; other ends of lines are newlines; and each line closes the
    embeddings and isolates that it opens, so that none turns what stands beside the text.

    >>> shown("pay \u202e0001\u202c")
    'pay 0001'
    """
    if not _ODD.search(text):
        return text
    lines = "".join("\n" if character in _LINE_ENDS else character for character in text).split("\n")
    return "\n".join(_closed(line) for line in lines)


def _closed(line: str) -> str:
    kept: list[str] = []
    open_ones: list[str] = []
    for character in line:
        if character in _EMBEDDINGS or character in _ISOLATES:
            open_ones.append(_POP if character in _EMBEDDINGS else _POP_ISOLATE)
        elif character in {_POP, _POP_ISOLATE}:
            if not open_ones or open_ones[-1] != character:
                continue
            open_ones.pop()
        elif _ODD.match(character):
            continue
        kept.append(character)
    return "".join(kept) + "".join(reversed(open_ones))


@lru_cache(maxsize=4096)
def spans(text: str) -> tuple[Span, ...]:
    """Whom a text mentions (@name) and its topics (#…#), in order, none within another; the first 100.

    A mention follows no letter of a script that has spaces: ann@example.cn names nobody. A topic has at most 32 characters.

    >>> spans("谢谢@watsons，#双11#")
    (Span(kind='mention', start=2, end=10, word='watsons'), Span(kind='topic', start=11, end=16, word='双11'))
    """
    if "@" not in text and "#" not in text:
        return ()
    found = []
    for match in _SPAN.finditer(text):
        kind: Literal["mention", "topic"] = "mention" if match["mention"] else "topic"
        found.append(Span(kind, match.start(), match.end(), match[kind].strip()))
        if len(found) == SPANS_MAX:
            break
    return tuple(found)
