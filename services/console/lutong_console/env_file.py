"""A file of variables, read as `docker compose` reads it: what it publishes and what we ask must be the same port.

python-dotenv differs in what single quotes, `$NAME`, `:` and `#` mean. The rules here are those that `docker compose config
--environment` shows (tests/unit/cases/test_env_file.py asks it, where there is one).
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

_NAME: Final = re.compile(r"(?:export(?=[^\S\n])[^\S\n]*)?([\w.\[\]-]+)[^\S\n]*([=:]|\n|\Z)[^\S\n]*")
_SKIPPED: Final = re.compile(r"(?:\s+|#[^\n]*)*")
_QUOTED: Final = re.compile(r"(['\"])((?:\\.|(?!\1).)*)\1(?:[^\S\n]*#[^\n]*)?", re.DOTALL)
_COMMENT: Final = re.compile(r"(?<!^) #.*")
_ESCAPE: Final = re.compile(r'\\([abcfnrtv$"\\])')
_ESCAPED: Final = {
    "a": "\a", "b": "\b", "c": "\\c", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "$": "$$", '"': '"', "\\": "\\"
}  # fmt: skip
_REFERENCE: Final = re.compile(r"\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(:?[-+?])?|(\{))")


def variables(text: str, surroundings: Mapping[str, str]) -> dict[str, str]:
    """What a file sets: `export A="1" # one` is {"A": "1"}. What surrounds it wins, also where a value names another.

    ValueError, with the line, where compose refuses the file.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found: dict[str, str] = {}
    at = 0
    while (at := _end(_SKIPPED, text, at)) < len(text):
        line = text.count("\n", 0, at) + 1
        named = _NAME.match(text, at)
        if named is None:
            raise ValueError(f"line {line}: a variable's name is followed by = and its value")
        name, sign = named[1], named[2]
        if sign in {"=", ":"}:
            value, at = _value(text, named.end(), lambda other: surroundings.get(other, found.get(other)), line)
            found[name] = surroundings.get(name, value)
        else:
            at = named.end()
            if name in surroundings:
                found[name] = surroundings[name]
    return found


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, known: Callable[[str], str | None], line: int) -> tuple[str, int]:
    """A value that begins at a place, and where it ends."""
    if text[at : at + 1] in {"'", '"'}:
        quoted = _QUOTED.match(text, at)
        if quoted is None:
            raise ValueError(f"line {line}: a quote is not closed")
        end, value = quoted.end(), quoted[2]
        if quoted[1] == "'":
            return value.replace("\\'", "'"), end
        value = _ESCAPE.sub(lambda escape: _ESCAPED[escape[1]], value)
    else:
        end = len(text) if (found := text.find("\n", at)) < 0 else found
        value = _COMMENT.sub("", text[at:end]).rstrip()
    try:
        return expanded(value, known), end
    except ValueError as error:
        raise ValueError(f"line {line}: {error}") from None


def expanded(text: str, known: Callable[[str], str | None]) -> str:
    """A value with `$NAME`, `${NAME:-default}`, `${NAME:+other}` and `${NAME:?words}` filled in, one inside another too."""
    shown = ""
    at = 0
    while found := _REFERENCE.search(text, at):
        shown += text[at : found.start()]
        at = found.end()
        if found[1]:
            shown += "$"
        elif found[2]:
            shown += known(found[2]) or ""
        else:
            end = _closing(text, at)
            if found[5] or end < 0 or (found[4] is None and end != at):
                raise ValueError(
                    f"{text[found.start() :]!r} is no reference to a variable: write ${{NAME}}, or $$ for a $"
                )
            shown += _braced(found[3], found[4] or "", text[at:end], known)
            at = end + 1
    return shown + text[at:]


def _closing(text: str, at: int) -> int:
    """Where the brace closes that was opened before a place; -1 where it does not."""
    depth = 1
    for place in re.finditer(r"\$\{|\}", text[at:]):
        depth += 1 if place[0] == "${" else -1
        if depth == 0:
            return at + place.start()
    return -1


def _braced(name: str, sign: str, other: str, known: Callable[[str], str | None]) -> str:
    value = known(name)
    there = value is not None and (bool(value) or not sign.startswith(":"))
    if sign.endswith("+"):
        return expanded(other, known) if there else ""
    if sign.endswith("?") and not there:
        raise ValueError(f"{name} is needed, and has no value: {expanded(other, known)}")
    if sign.endswith("-") and not there:
        return expanded(other, known)
    return value or ""
