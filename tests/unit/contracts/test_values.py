"""Texts and times as the world writes them: what reads as nothing or as two lines is refused, and so is what no clock says."""

from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from lutong_contracts.feed import PostPublished
from lutong_contracts.moments import moment_of, written
from lutong_contracts.registry import VersionReleased
from lutong_contracts.values import Instant, Moment, Text, Title
from tests.unit.contracts.catalogue import event_types

TITLE: TypeAdapter[str] = TypeAdapter(Title)
TEXT: TypeAdapter[str] = TypeAdapter(Text)
MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)

UNSEEN = ("\u200b", "\u3164", "\u2800", "\ufeff", "\u2060\u200b", "\u115f", "\u00ad", "\u200d", "\ufe0f", "\u3000", " ")


def refused(check: TypeAdapter[Any], value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        check.validate_python(value)
    return str(caught.value)


@pytest.mark.parametrize("text", UNSEEN)
def test_a_name_that_nobody_sees_is_refused(text: str) -> None:
    refused(TITLE, text)


@pytest.mark.parametrize("text", [*UNSEEN, "\n\n", "\u200b\n\u3164"])
def test_a_post_that_nobody_sees_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        PostPublished(post_id="p", author_id="a", text=text)


@pytest.mark.parametrize("text", ["two\nlines", "two\r\nlines", "a\ttab", "one\u2028two", "one\u2029two", "a\x85b"])
def test_a_title_of_two_lines_is_refused(text: str) -> None:
    refused(TITLE, text)


@pytest.mark.parametrize("text", ["\u202enimda", "a\u202db\u202c", "\u2066a\u2069", "wat\u200bsons", "ad\u00admin"])
def test_a_name_that_reads_as_another_is_refused(text: str) -> None:
    assert "invisible or turn the direction" in refused(TITLE, text)


@pytest.mark.parametrize(
    "text", ["屈臣氏官方", "Café d'été", "👩\u200d👩\u200d👧", "می\u200cخواهم", "❤\ufe0f", "חנות\u200e 7"]
)
def test_a_name_of_any_script_is_taken(text: str) -> None:
    assert TITLE.validate_python(text) == text


def test_cr_lf_is_taken_as_lf() -> None:
    assert TEXT.validate_python("第一行\r\n第二行") == "第一行\n第二行"
    assert PostPublished.model_validate_json('{"post_id":"p","author_id":"a","text":"1\\r\\n2"}').text == "1\n2"


def test_cr_lf_counts_as_one_character() -> None:
    text = "\r\n" * 999 + "ab"
    assert len(PostPublished(post_id="p", author_id="a", text=text + "x" * 999).text) == 2000


def test_a_cr_alone_is_refused() -> None:
    assert "control characters" in refused(TEXT, "ok\rNOT OK")


def test_a_title_on_kafka_is_as_strict() -> None:
    with pytest.raises(ValidationError):
        VersionReleased(program_id="g", merchant_id="m", version=1, title="two\nlines", page="pages/x", offers=())


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2018-04-05t17:31:00z", datetime(2018, 4, 5, 17, 31, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31T15:59:60-08:00", datetime(2017, 1, 1, tzinfo=UTC)),
        ("1990-12-31T23:59:60.5Z", datetime(1991, 1, 1, 0, 0, 0, 500_000, UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC)),
        ("2018-04-05T17:31:00-00:00", datetime(2018, 4, 5, 17, 31, tzinfo=UTC)),
        ("1996-12-19T16:39:57-08:00", datetime(1996, 12, 20, 0, 39, 57, tzinfo=UTC)),
        ("1937-01-01T12:00:27.87+00:20", datetime(1937, 1, 1, 11, 40, 27, 870000, tzinfo=UTC)),
        ("2026-01-31T08:00:00.123456789Z", datetime(2026, 1, 31, 8, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_the_examples_of_rfc_3339_are_moments(text: str, moment: datetime) -> None:
    assert moment_of(text) == MOMENT.validate_python(text) == MOMENT.validate_json(f'"{text}"') == moment
    assert moment_of(text).tzinfo is UTC
    assert moment_of(written(moment)) == moment


NO_MOMENTS = (
    "20180405", "2018-W14-4", "2026-W01-1", "2026-01-31", "2026-01-31T08:00:00", "2026-01-31T08:00Z", "0", "",
    "2026-13-01T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T08:00:61Z", "2026-01-31T08:00:00+24:00", "²026-01-31T08:00:00Z",
    "2026-01-31 08:00:00Z", "2026-01-31T08:00:00+08", "2026-01-31T08:00:00+08:60", "2026-01-31T08:00:00,5Z", "2026-02-30T08:00:00Z",
    "2026-01-31T08:00:60Z", "2026-01-30T23:59:60Z", "2026-02-28T23:58:60Z", "2026-01-31T08:00:00Z\n", "２０26-01-31T08:00:00Z",
)  # fmt: skip
ODD = (
    "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00+08:00", "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z",
)  # fmt: skip


@pytest.mark.parametrize("text", [*NO_MOMENTS, *ODD])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        moment_of(text)
    refused(MOMENT, text)


@pytest.mark.parametrize("value", [0, 1.5, True, None, [], {}])
def test_a_moment_is_written_out(value: object) -> None:
    refused(MOMENT, value)


@pytest.mark.parametrize("text", ODD)
def test_an_event_has_no_moment_that_no_clock_shows(text: str) -> None:
    refused(INSTANT, text)


def test_every_time_in_an_event_is_bounded() -> None:
    times = {
        (cls.__name__, name): field
        for cls in event_types().values()
        for name, field in cls.model_fields.items()
        if "date-time" in str(cls.model_json_schema()["properties"][name])
    }
    assert len(times) == 22
    for name, field in times.items():
        kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        check: TypeAdapter[Any] = TypeAdapter(kind)
        with pytest.raises(ValidationError, match="between the years"):
            check.validate_python(ODD[0])
        assert check.validate_python("2026-01-31T08:00:00Z"), name
