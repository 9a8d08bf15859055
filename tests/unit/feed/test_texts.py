"""Texts in any script: counted as readers count, cut between characters, shown harmless, and read for names."""

import unicodedata
from pathlib import Path
from typing import Final

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_feed.domain import Refusal
from lutong_feed.texts.domain import (
    CODE_POINTS_MAX,
    FIRST_PART_MAX,
    SPANS_MAX,
    characters,
    parted,
    shown,
    spans,
    why_unpublished,
)

NAUGHTY: Final = Path(__file__).parents[4] / "shared" / "data" / "conformance" / "naughty-strings"
FAMILY: Final = "👩‍👩‍👧‍👦"
TURNS: Final = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

any_text = st.text(max_size=300)
turning = st.text(alphabet=f"ab\n@#\x9b\u2028{TURNS}", max_size=60)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("路通", 2),
        (FAMILY, 1),
        ("é", 1),
        ("e\u0301", 1),
        ("กำ", 1),
        ("각", 1),
        ("🇨🇳🇨🇳", 2),
        ("क्षि", 1),
        ("a\nb", 3),
    ],
)
def test_a_character_is_what_a_reader_counts(text: str, count: int) -> None:
    assert characters(text) == count


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (FAMILY * 2000, None),
        (FAMILY * 2001, "too_long"),
        ("字" * 2000, None),
        ("字" * 2001, "too_long"),
        ("a" * 2001, "too_long"),
        ("e" + "\u0301" * (CODE_POINTS_MAX - 1), None),
        ("e" + "\u0301" * CODE_POINTS_MAX, "piled_up"),
    ],
)
def test_a_limit_is_the_same_in_each_script(text: str, kind: str | None) -> None:
    refusal = why_unpublished(text)
    assert (refusal.kind if refusal else None) == kind
    if isinstance(refusal, Refusal):
        assert refusal.detail.endswith(("shorten it", "take some off"))


def test_a_piled_character_is_named_by_its_place() -> None:
    refusal = why_unpublished(FAMILY + "e" + "\u0301" * 40)
    assert refusal is not None
    assert "character 2 has 41 signs" in refusal.detail


@given(st.lists(st.sampled_from([FAMILY, "字", "e\u0301", "กำ", "a"]), min_size=1, max_size=12).map("".join))
def test_a_long_text_is_cut_between_characters(text: str) -> None:
    text *= 2400 // len(text)
    parts = parted(text)
    assert parts.text + (parts.rest or "") == text
    assert len(parts.text) <= FIRST_PART_MAX
    assert characters(parts.text) + characters(parts.rest or "") == characters(text)


def test_one_endless_character_is_cut_anywhere() -> None:
    parts = parted("e" + "\u0301" * 5000)
    assert len(parts.text) == FIRST_PART_MAX


@given(any_text)
def test_ordinary_texts_are_shown_as_they_are(text: str) -> None:
    if not set(text) & {*TURNS, *map(chr, range(0x80, 0xA0)), "\u2028", "\u2029", "\ufff9", "\ufffa", "\ufffb"}:
        assert shown(text) == text


@given(turning)
def test_no_text_turns_what_stands_beside_it(text: str) -> None:
    safe = shown(text)
    assert not set(safe) & {"\u202d", "\u202e", "\x9b", "\u2028"}
    assert shown(safe) == safe
    for line in safe.split("\n"):
        opened = [c for c in line if c in "\u202a\u202b\u2066\u2067\u2068"]
        closed = [c for c in line if c in "\u202c\u2069"]
        assert len(opened) == len(closed)
    assert [c for c in safe if c in "ab@#"] == [c for c in text if c in "ab@#"]


def named(text: str) -> list[str]:
    return [f"{span.kind[0]}:{span.word}" for span in spans(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("谢谢@屈臣氏 的面膜", ["m:屈臣氏"]),
        ("（@bo）@ann,@cy", ["m:bo", "m:ann", "m:cy"]),
        ("ann@example.cn имя@почта", []),
        ("https://x.cn/@no @@x", []),
        ("@a.b. @a-b- @·", ["m:a.b", "m:a-b"]),
        ("@नमस्ते @שלום @مرحبا", ["m:नमस्ते", "m:שלום", "m:مرحبا"]),
        ("#双11#和#618 开卖#", ["t:双11", "t:618 开卖"]),
        ("# # ## #\n# #", []),
        ("#只有一个", []),
        ("#@ann#", ["t:@ann"]),
        ("#" + "字" * 32 + "#", ["t:" + "字" * 32]),
        ("#" + "字" * 33 + "#", []),
        ("#️⃣a#️⃣", []),
    ],
)
def test_names_are_read_from_a_text(text: str, found: list[str]) -> None:
    assert named(text) == found


@given(st.text(alphabet="@# ab字e\u0301\n.🇨", max_size=80) | any_text)
def test_spans_are_ordered_parts_of_their_text(text: str) -> None:
    at = 0
    for span in spans(text):
        assert at <= span.start < span.end <= len(text)
        part = text[span.start : span.end]
        assert span.word == (part[1:] if span.kind == "mention" else part[1:-1].strip())
        assert "\n" not in part
        assert not unicodedata.combining(text[span.end]) if span.end < len(text) else True
        at = span.end


def test_a_text_of_nothing_but_names_has_a_bounded_number() -> None:
    assert len(spans("@a " * 600)) == SPANS_MAX


@pytest.mark.skipif(
    not NAUGHTY.exists(), reason="needs ../shared/data (naughty strings), which the project never contains"
)
def test_no_naughty_string_breaks_a_text() -> None:
    for line in orjson.loads((NAUGHTY / "blns.json").read_bytes()):
        safe = shown(line)
        assert shown(safe) == safe
        assert all(safe[span.start] in "@#" for span in spans(safe))
        why_unpublished(line)
