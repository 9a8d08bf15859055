"""The feed's web page: the stages of an order, and both languages."""

import re
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest
from babel.messages.extract import extract

from lutong_console import reader
from lutong_console.reader.asking import OTHERWISE, SENTENCES, UNREACHABLE
from lutong_console.reader.pages import LOCALE
from lutong_console.reader.people import SPOTS
from lutong_console.reader.reading import RANKED, SQUARES
from lutong_console.reader.road import Progress, stages
from lutong_console.web import languages

READER: Final = Path(reader.__file__).parent


def now(progress: Progress) -> list[str]:
    """What is in progress, or where it ended."""
    return [stage.name for stage in stages(progress) if stage.state in {"now", "failed"}]


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (Progress("requested"), ["held"]),
        (Progress("requested", hold="held"), ["sourced"]),
        (Progress("requested", hold="waiting"), ["held"]),
        (Progress("requested", step="sourced"), ["accepted"]),
        (Progress("sourced", hold="held", step="picked"), ["handed_over"]),
        (Progress("sourced", "pickup", "picked", "held"), ["ready"]),
        (Progress("sourced", "pickup", "ready_for_pickup", "held"), ["collected"]),
        (Progress("fulfilled", hold="captured"), []),
        (Progress("declined", hold="declined"), ["declined"]),
        (Progress("rejected", hold="released"), ["rejected"]),
        (Progress("cancelled", step="cancelled", hold="released"), ["cancelled"]),
    ],
)
def test_the_road_is_where_the_farthest_service_knows(progress: Progress, expected: list[str]) -> None:
    assert now(progress) == expected


def test_a_road_that_failed_ends_there() -> None:
    assert [stage.state for stage in stages(Progress("cancelled", step="sourced"))] == [
        "done",
        "done",
        "done",
        "failed",
    ]


def test_an_unknown_step_of_a_newer_release_is_no_error() -> None:
    assert now(Progress("sourced", step="weighed")) == ["accepted"]


def texts_of_pages() -> set[str]:
    """Every English text that a reader may see."""
    found = {
        *SENTENCES.values(),
        OTHERWISE,
        UNREACHABLE,
        *(spot.name for spot in SPOTS.values()),
        *SQUARES.values(),
        *RANKED.values(),
    }
    for template in (READER / "templates").glob("*.html"):
        options = {"trim_blocks": "true", "lstrip_blocks": "true"}
        for _, message, _, _ in extract("jinja2.ext:babel_extract", BytesIO(template.read_bytes()), options=options):
            forms = [message] if isinstance(message, str) else [form for form in message if form]
            found |= set(forms[-1:])  # the plural, where there is one: Chinese has one form
    for module in READER.glob("*.py"):
        source = module.read_text(encoding="utf-8")
        found |= set(re.findall(r'RefusedError\(\d+, "([^"]+)"', source) + re.findall(r'"sentence": "([^"]+)"', source))
    return found


def test_each_text_has_its_chinese_and_none_is_left_over() -> None:
    assert set(languages.texts("zh", LOCALE).texts) == texts_of_pages()
