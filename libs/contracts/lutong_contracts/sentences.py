"""What is wrong with a document, in a sentence: what, where, what is allowed, and what was given.

The one place that turns what pydantic finds into words: HTTP, ingest, Kafka parking and the command line use it. What
was given is described by its kind and size, never quoted: it may be personal.
"""

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic.fields import FieldInfo

from lutong_contracts.enumerations import WORD_PATTERN
from lutong_contracts.touches import ECHO_PATTERN, TOUCH_PATTERN
from lutong_contracts.values import CLOCK_PATTERN, HOURS_PATTERN, IDENTIFIER_PATTERN, PAGE_PATTERN

Model = type[object]
"""A pydantic model or dataclass."""

Error = Mapping[str, Any]
"""One of `ValidationError.errors()`."""

_SHOWN_MAX: Final = 3
_ID: Final = "an id has 1 to 64 letters, digits, dots, dashes or underscores and begins with a letter or digit"
PATTERNS: Final[dict[str, str]] = {
    IDENTIFIER_PATTERN: _ID,
    rf"^$|{IDENTIFIER_PATTERN}": f"leave it out, or give an id: {_ID}",
    PAGE_PATTERN: "a page is a path inside the program, without a leading slash, such as packageA/pages/view?from=feed",
    WORD_PATTERN: "a word has up to 40 small letters and underscores, such as ready_for_pickup",
    CLOCK_PATTERN: "a time of day is written as 09:00, from 00:00 to 24:00",
    HOURS_PATTERN: "hours are days and times, such as 1-5 09:00-22:00;6,7 10:00-20:00, or 09:00-22:00 for each day",
    ECHO_PATTERN: "a touch has 1 to 512 letters, digits, dots, dashes, underscores or tildes: send it back as it was served",
    TOUCH_PATTERN: "a touch is the signed word that the feed served with the item: send it back as it was",
    r"^[A-Z]{3}$": "a currency is three capital letters, such as CNY",
    r"^[a-z][a-z_]{2,39}$": "a reason is one word of 3 to 40 small letters and underscores, such as security_incident",
    r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}:[1-9][0-9]{0,3}$": "a line is a SKU and its units, such as mask:2",
    r"^20[0-9]{2}-(0[1-9]|1[0-2])$": "a month is written as 2026-11",
    r"^[A-Z0-9]{8}$": "a code for pickup has eight capital letters or digits, as it was shown to the member",
    r"^[A-Z0-9]{10}$": "a code has ten capital letters or digits, as it was shown to the member",
    r"^[A-Za-z0-9][A-Za-z0-9./\-]{0,63}$": "a bank's reference has 1 to 64 letters, digits, dots, slashes or dashes",
    r"^\+?[0-9(][0-9 ()\-.,;*#x]{2,31}$": "a phone number has 3 to 32 digits and signs, such as +86 138 0013 8000",
    "^[^\x00]*$": "a journey's name has no NUL character",
    r"^[a-z]+:[A-Za-z0-9._\-]{1,64}$": "a debt is named by its kind and an id, such as order:01a2",
}
"""What a pattern asks for, in words. Every pattern of ours has some: a test looks."""


_UNTERMINATED: Final = {"Unterminated string starting at": "no end of the text that begins"}


class Wrong(NamedTuple):
    """One thing that is wrong: where, as a JSON pointer, and a sentence."""

    pointer: str
    detail: str


def wrongs(errors: Sequence[Error], model: Model | None = None, *, within: int = 0) -> list[Wrong]:
    """What is wrong, one sentence each.

    `within` steps of each location are not the sender's, such as the part of the request. `model` is what the document
    was compared with; it knows what a misspelt field may have meant.
    """
    found = []
    for error in errors:
        place = [*error["loc"][:within], *_without_tags(error["loc"][within:], model)]
        found.append(Wrong(pointer(place), _sentence(error, place[within:], model)))
    return found


def summary(found: Sequence[Wrong]) -> str:
    """All of it in a line: the first ones, and how many more there are."""
    shown = "; ".join(each.detail for each in found[:_SHOWN_MAX])
    return shown if len(found) <= _SHOWN_MAX else f"{shown}; and {len(found) - _SHOWN_MAX} more"


def pointer(location: Sequence[object]) -> str:
    """Where, as a JSON pointer (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in location)


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: `1 record`, `2 records`."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def not_json(document: bytes) -> str | None:
    """Why bytes are no JSON document, if they are not; `None` when they are one."""
    if not document.strip():
        return "it is empty"
    try:
        json.loads(document.decode())
    except UnicodeDecodeError as error:
        return f"it is not UTF-8 (byte {error.start}); compressed and otherwise encoded bytes are not taken"
    except json.JSONDecodeError as error:
        at_its_end = error.pos >= len(error.doc.rstrip())
        what = "unexpected end" if at_its_end else _UNTERMINATED.get(error.msg, error.msg[0].lower() + error.msg[1:])
        return f"it is not JSON: {what} at character {error.pos}"
    except RecursionError:
        return "it is nested too deep"
    except ValueError:
        return "it has a number that is too long"
    return None


def _sentence(error: Error, location: Sequence[object], model: Model | None) -> str:
    name = _name(location)
    kind = error["type"]
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        return _unknown(location, model)
    if kind in {"value_error", "assertion_error"}:
        return _own_words(name, error)
    sentence = _SENTENCES.get(kind)
    given = error.get("input")
    return f"{name} {sentence(error.get('ctx') or {}, given) if sentence else 'has a value that is not allowed here'}"


def _name(location: Sequence[object]) -> str:
    """A place as the sender writes it: `lines[0].units`."""
    name = ""
    for step in location:
        name += f"[{step}]" if isinstance(step, int) else f".{_short(str(step))}" if name else _short(str(step))
    return name or "the body"


def _short(name: str) -> str:
    """A name that a sender made up, fit for a sentence."""
    return name if len(name) <= 64 and name.isprintable() else "(a name that is too odd to show)"


def _own_words(name: str, error: Error) -> str:
    """The message of our own validators, after the name of the field when it is a predicate."""
    text = str((error.get("ctx") or {}).get("error", "")) or "has a value that is not allowed here"
    if text.startswith(("must ", "should ", "has ", "is ")):
        return f"{name} {text}"
    return text if name == "the body" else f"{name}: {text}"


def _unknown(location: Sequence[object], model: Model | None) -> str:
    *path, last = location
    known = _fields(model, path)
    near = difflib.get_close_matches(str(last), known, 1)
    where = f" of {_name(path)}" if path else ""
    text = f"{_short(str(last))} is not a field{where}"
    if near:
        return f"{text}: did you mean {near[0]}?"
    return f"{text}: there are {', '.join(known)}" if known else text


def _fields(model: Model | None, path: Sequence[object]) -> list[str]:
    """The fields at a place in a model, as far as its annotations name them."""
    found = [model] if model else []
    for step in path:
        found = _inside(found, step) if isinstance(step, str) else found
    return list(dict.fromkeys(field.alias or name for each in found for name, field in fields_of(each).items()))


def _inside(alternatives: Sequence[Model], step: str) -> list[Model]:
    fields = [fields_of(each)[step] for each in alternatives if step in fields_of(each)]
    return [inner for field in fields for inner in models(field.annotation)]


def _without_tags(location: Sequence[object], model: Model | None) -> list[object]:
    """Where the sender wrote it: pydantic names the alternative that it tried, too, and no document has that."""
    found, place = [model] if model else [], []
    for at, step in enumerate(location):
        known = isinstance(step, str) and any(step in fields_of(each) for each in found)
        if isinstance(step, str) and not known and len(found) > 1 and at < len(location) - 1:
            continue
        place.append(step)
        found = _inside(found, step) if isinstance(step, str) else found
    return place


def fields_of(model: Model) -> Mapping[str, FieldInfo]:
    """The fields of a model, or of a pydantic dataclass."""
    found: Mapping[str, FieldInfo] = getattr(model, "__pydantic_fields__", {})
    return found


def models(annotation: object) -> list[Model]:
    """The models in an annotation: itself, or what a list or a union is of."""
    if isinstance(annotation, type) and hasattr(annotation, "__pydantic_fields__"):
        return [annotation]
    return [found for inner in getattr(annotation, "__args__", ()) for found in models(inner)]


def _kind(value: object) -> str:
    """The kind and size of what was given, never its content."""
    kinds: list[tuple[type | tuple[type, ...], str]] = [
        (bool, "true or false"), ((int, float), "a number"), (str, "text"), (bytes, "bytes"),
        ((list, tuple), "a list"), (Mapping, "an object"),
    ]  # fmt: skip
    return (
        "null" if value is None else next((word for kind, word in kinds if isinstance(value, kind)), "something else")
    )


def _must_be(what: str) -> "Sentence":
    return lambda _, given: f"must be {what}, not {_kind(given)}"


def _must(what: str) -> "Sentence":
    return lambda _, __: f"must be {what}"


def _too_long(unit: str) -> "Sentence":
    def sentence(context: Mapping[str, Any], given: object) -> str:
        what = "character" if isinstance(given, str) else unit
        most = context["max_length"]
        size = context.get("actual_length") or (len(given) if isinstance(given, str | bytes | list) else None)
        allowed = f"at most {most} {'is' if most == 1 else 'are'} allowed"
        return f"has {counted(size, what)}, {allowed}" if size is not None else f"has too many {what}s: {allowed}"

    return sentence


def _too_short(unit: str) -> "Sentence":
    def sentence(context: Mapping[str, Any], given: object) -> str:
        what = "character" if isinstance(given, str) else unit
        least = context["min_length"]
        return f"is empty: give at least {counted(least, what)}" if not given else (
            f"is too short: at least {counted(least, what)}"
        )  # fmt: skip

    return sentence


def _pattern(context: Mapping[str, Any], given: object) -> str:
    if given == "":
        return f"is empty: {PATTERNS.get(context['pattern'], 'give a value')}"
    words = PATTERNS.get(context["pattern"])
    return f"is not written as it must be: {words}" if words else "is not written as it must be"


def _choice(context: Mapping[str, Any], given: object) -> str:
    choices = re.findall(r"'([^']*)'", str(context.get("expected", ""))) or [str(context.get("expected", ""))]
    near = difflib.get_close_matches(given, choices, 1) if isinstance(given, str) else []
    words = choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    return f"must be {words}" + (f": did you mean {near[0]}?" if near else "")


def _tag(context: Mapping[str, Any], _given: object) -> str:
    field = str(context.get("discriminator", "kind")).strip("'")
    tags = str(context.get("expected_tags", "")).replace("'", "")
    return f"needs a field {field}" + (f" that is one of {tags}" if tags else "")


Sentence = Callable[[Mapping[str, Any], object], str]
_TEXT, _WHOLE, _NUMBER, _LIST = _must_be("text"), _must_be("a whole number"), _must_be("a number"), _must_be("a list")
_OBJECT, _BOOL = _must_be("an object with fields"), _must_be("true or false")
_DAY = _must("a date, such as 2026-01-31")
_MOMENT = _must("a date and time with its offset, such as 2026-01-31T08:00:00+08:00")
_CLOCK = _must("a time of day, such as 08:00")
_SENTENCES: Final[dict[str, Sentence]] = {
    "missing": lambda _, __: "is missing",
    "json_invalid": lambda _, __: "is not JSON",
    "json_type": _must_be("JSON"),
    "recursion_loop": lambda _, __: "is nested too deep",
    "recursion_depth_exceeded": lambda _, __: "is nested too deep",
    "none_required": _must("null"),
    "invalid_key": lambda _, __: "has a field whose name is not text",
    "greater_than": lambda context, _: f"must be more than {context['gt']}",
    "greater_than_equal": lambda context, _: f"must be at least {context['ge']}",
    "less_than": lambda context, _: f"must be less than {context['lt']}",
    "less_than_equal": lambda context, _: f"must be at most {context['le']}",
    "multiple_of": lambda context, _: f"must be a multiple of {context['multiple_of']}",
    "finite_number": _must("a number that is finite"),
    "too_long": _too_long("item"),
    "too_short": _too_short("item"),
    "string_too_long": _too_long("character"),
    "string_too_short": _too_short("character"),
    "string_pattern_mismatch": _pattern,
    "string_unicode": lambda _, __: "has text that no encoding can carry",
    "string_not_ascii": _must("ASCII"),
    "literal_error": _choice,
    "enum": _choice,
    "union_tag_invalid": _tag,
    "union_tag_not_found": _tag,
    **dict.fromkeys(("string_type",), _TEXT),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _WHOLE),
    "int_parsing_size": lambda _, __: "is a number that is too long",
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing"), _NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), _BOOL),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type", "deque_type"), _LIST),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type", "mapping_type", "dataclass_type"), _OBJECT),
    **dict.fromkeys(
        ("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"), _DAY
    ),
    **dict.fromkeys(
        ("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "datetime_object_invalid",
         "timezone_naive", "timezone_aware", "timezone_offset"), _MOMENT,
    ),
    **dict.fromkeys(("time_type", "time_parsing"), _CLOCK),
    **dict.fromkeys(("time_delta_type", "time_delta_parsing"), _must("a duration, such as P1D")),
    **dict.fromkeys(("uuid_type", "uuid_parsing", "uuid_version"), _must("a UUID")),
    **dict.fromkeys(("url_type", "url_parsing", "url_scheme", "url_too_long"), _must("a URL")),
}  # fmt: skip
