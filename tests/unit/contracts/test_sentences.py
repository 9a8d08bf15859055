"""What is wrong with a document is told in a sentence: what, where, what is allowed; never in pydantic's words."""

import importlib
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

import orjson
import pytest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core.core_schema import ErrorType

from lutong_contracts import event_types, sentences
from lutong_contracts.feed import PostPublished
from lutong_contracts.sentences import PATTERNS, counted, not_json, summary, wrongs
from lutong_contracts.topics import SERVICES
from lutong_contracts.values import IDENTIFIER_PATTERN, Day, Identifier, Moment, Money, Text

RAW = re.compile(
    r"Input should|Value should|String should|Extra inputs|Field required|valid (string|integer|number|dictionary|list)|"
    r"Invalid JSON|JSON decode|Value error|Assertion failed|unable to (parse|interpret)|validation"
)


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    sku: Identifier
    units: Annotated[int, Field(ge=1, le=10_000)]


class Appointed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["appointed"]
    first_day: Day


class Rolling(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["rolling"]
    days: int


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    lines: Annotated[list[Line], Field(min_length=1, max_length=2)]
    mode: Literal["delivery", "pickup"] = "delivery"
    text: Annotated[Text, StringConstraints(min_length=3, max_length=2000)] = "text"
    program_id: Identifier | None = None
    at: Moment | None = None
    open: bool = True
    total: Money | None = None
    period: Annotated[Appointed | Rolling, Field(discriminator="kind")] | None = None


GOOD: dict[str, Any] = {"lines": [{"sku": "tea", "units": 1}]}


def complaints(document: object, model: type[BaseModel] = Wish) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(document)
    return [tuple(wrong) for wrong in wrongs(caught.value.errors(), model)]  # type: ignore[misc]  # a pair


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        ({"text": "x" * 2001}, "/text", "text has 2001 characters, at most 2000 are allowed"),
        ({"text": "x"}, "/text", "text is too short: at least 3 characters"),
        ({"text": ""}, "/text", "text is empty: give at least 3 characters"),
        ({"text": 7}, "/text", "text must be text, not a number"),
        ({"text": None}, "/text", "text must be text, not null"),
        (
            {"text": "abc\x1b"},
            "/text",
            "text must not contain control characters other than newline and tab",
        ),
        ({"lines": []}, "/lines", "lines is empty: give at least 1 item"),
        ({"lines": [GOOD["lines"][0]] * 3}, "/lines", "lines has 3 items, at most 2 are allowed"),
        ({"lines": {}}, "/lines", "lines must be a list, not an object"),
        ({"lines": [7]}, "/lines/0", "lines[0] must be an object with fields, not a number"),
        ({"lines": [{"sku": "tea"}]}, "/lines/0/units", "lines[0].units is missing"),
        (
            {"lines": [{"sku": "tea", "units": "1"}]},
            "/lines/0/units",
            "lines[0].units must be a whole number, not text",
        ),
        ({"lines": [{"sku": "tea", "units": 0}]}, "/lines/0/units", "lines[0].units must be at least 1"),
        ({"lines": [{"sku": "tea", "units": 10_001}]}, "/lines/0/units", "lines[0].units must be at most 10000"),
        (
            {"lines": [{"sku": "tea", "units": 1, "unit": 2}]},
            "/lines/0/unit",
            "unit is not a field of lines[0]: did you mean units?",
        ),
        (
            {"lines": [{"sku": "a b", "units": 1}]},
            "/lines/0/sku",
            f"lines[0].sku is not written as it must be: {PATTERNS[IDENTIFIER_PATTERN]}",
        ),
        ({"programid": "x"}, "/programid", "programid is not a field: did you mean program_id?"),
        (
            {"colour": 1},
            "/colour",
            "colour is not a field: there are lines, mode, text, program_id, at, open, total, period",
        ),
        ({"mode": "pick_up"}, "/mode", "mode must be one of delivery, pickup: did you mean pickup?"),
        ({"mode": 3}, "/mode", "mode must be one of delivery, pickup"),
        ({"open": "yes"}, "/open", "open must be true or false, not text"),
        ({"at": "soon"}, "/at", "at should be a time with its offset as RFC 3339 has it: 2026-01-31T08:00:00+08:00"),
        (
            {"at": "2026-01-31T00:00:00"},
            "/at",
            "at should be a time with its offset as RFC 3339 has it: 2026-01-31T08:00:00+08:00",
        ),
        ({"period": {"kind": "appointed"}}, "/period/first_day", "period.first_day is missing"),
        ({"period": {"kind": "odd"}}, "/period", "period needs a field kind that is one of appointed, rolling"),
        ({"period": {}}, "/period", "period needs a field kind"),
        (
            {"period": {"kind": "rolling", "days": 1, "dais": 2}},
            "/period/dais",
            "dais is not a field of period: did you mean days?",
        ),
    ],
)
def test_a_wrong_value_is_explained_in_a_sentence(change: dict[str, Any], where: str, words: str) -> None:
    assert complaints(GOOD | change) == [(where, words)]


def test_the_words_for_an_id_are_those_of_its_pattern() -> None:
    assert PATTERNS[IDENTIFIER_PATTERN] == (
        "an id has 1 to 64 letters, digits, dots, dashes or underscores and begins with a letter or digit"
    )


def test_a_document_that_is_no_object_is_explained() -> None:
    assert complaints([]) == [("", "the body must be an object with fields, not a list")]


def test_what_was_given_is_never_quoted() -> None:
    phone = "13800000000"
    for value in (phone, [phone], {phone: phone}, int(phone)):
        for name in Wish.model_fields:
            try:
                Wish.model_validate(GOOD | {name: value})
            except ValidationError as error:
                found = [wrong.detail for wrong in wrongs(error.errors(), Wish) if wrong.pointer != f"/{name}/{phone}"]
                assert phone not in " ".join(found)


def test_an_odd_name_of_a_field_is_not_repeated() -> None:
    [(_, words)] = complaints(GOOD | {"\x1b[2J" + "x" * 99: 1})
    assert words.startswith("(a name that is too odd to show) is not a field")


def test_many_wrong_things_are_counted() -> None:
    found = wrongs([{"type": "missing", "loc": (name,)} for name in "abcde"])
    assert summary(found) == "a is missing; b is missing; c is missing; and 2 more"


@pytest.mark.parametrize("kind", get_args(ErrorType))
def test_no_error_of_pydantic_is_without_a_sentence(kind: str) -> None:
    numbers = dict.fromkeys(("gt", "ge", "lt", "le", "multiple_of", "max_length", "min_length", "actual_length"), 2)
    context = numbers | {"pattern": "^x$", "expected": "'a' or 'b'", "error": ValueError("must be even")}
    [wrong] = wrongs([{"type": kind, "loc": ("name",), "msg": "Input should be x", "input": "x", "ctx": context}])
    assert wrong.detail
    assert not RAW.search(wrong.detail)
    assert "name" in wrong.detail


def test_the_raw_phrases_are_recognised() -> None:
    with pytest.raises(ValidationError) as caught:
        Wish.model_validate({"lines": 1, "x": 1, "text": "x", "mode": "x", "program_id": "?", "period": 1, "open": 1})
    assert all(RAW.search(each["msg"]) for each in caught.value.errors())


def patterns(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("pattern"), str):
            yield part["pattern"]
        for inner in part.values():
            yield from patterns(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from patterns(inner)


def test_every_pattern_of_events_and_routes_has_words() -> None:
    from lutong_chassis.testing import app_of

    documents: list[object] = [event.model_json_schema() for event in event_types().values()]
    documents += [app_of(importlib.import_module(f"lutong_{name}.app").service).openapi() for name in SERVICES]
    found = {pattern for document in documents for pattern in patterns(document)}
    assert len(found) >= 5
    assert found - PATTERNS.keys() == set()


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "it is empty"),
        (b"{", "it is not JSON: unexpected end at character 1"),
        (b'{"text": "abc', "it is not JSON: no end of the text that begins at character 9"),
        (b"{'a': 1}", "it is not JSON: expecting property name enclosed in double quotes at character 1"),
        (b"\xff\xfe", "it is not UTF-8 (byte 0); compressed and otherwise encoded bytes are not taken"),
        ("公积金".encode("gbk"), "it is not UTF-8 (byte 0); compressed and otherwise encoded bytes are not taken"),
        (b"\x1f\x8b\x08", "it is not UTF-8 (byte 1); compressed and otherwise encoded bytes are not taken"),
        (b"[" * 100_000 + b"]" * 100_000, "it is nested too deep"),
        (b"1" * 5000, "it has a number that is too long"),
        (orjson.dumps({}), None),
    ],
)
def test_bytes_that_are_no_json_are_explained(document: bytes, why: str | None) -> None:
    assert not_json(document) == why


def test_a_number_goes_with_its_noun() -> None:
    assert [counted(1, "record"), counted(2, "record"), counted(0, "entry", "entries")] == [
        "1 record",
        "2 records",
        "0 entries",
    ]


def test_the_fields_of_an_event_are_explained_in_the_same_words() -> None:
    assert complaints({"post_id": "p", "author_id": "a", "text": "x" * 2001}, PostPublished) == [
        ("/text", "text has 2001 characters, at most 2000 are allowed")
    ]
    assert sentences.pointer(["a/b", "c~d", 0]) == "/a~1b/c~0d/0"
