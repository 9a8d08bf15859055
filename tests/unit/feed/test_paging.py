"""Cursors: a walk goes on from a word that its own list gave to its own reader, whole and in time, and from no other."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_feed.domain import Cursor, Refusal
from lutong_feed.paging.domain import BAD, LIFETIME, STALE, Walk, plain
from lutong_feed.touches.domain import Keys

NOW = datetime(2026, 1, 8, 12, tzinfo=UTC)
KEYS = Keys({1: b"one", 2: b"two"}, signs=1)
AT = Cursor(datetime(2026, 1, 7, 8, 30, 0, 123456, tzinfo=UTC), 42)
LEVEL = timedelta(0)


def a_walk(reader: str = "ann", listing: str = "timeline ann", now: datetime = NOW, keys: Keys = KEYS) -> Walk:
    return Walk(keys, reader, listing, now)


@given(st.datetimes(timezones=st.just(UTC)), st.integers(1, 2**63 - 1), st.text(max_size=20), st.text(max_size=20))
def test_a_word_leads_where_it_was_made(moment: datetime, number: int, reader: str, listing: str) -> None:
    walk = a_walk(reader, listing)
    word = walk.word(Cursor(moment, number))
    assert walk.place(word) == Cursor(moment, number)
    assert len(word) == 60


@given(st.data())
def test_one_character_that_changed_is_no_cursor(data: st.DataObject) -> None:
    word = a_walk().word(AT)
    place = data.draw(st.integers(0, len(word) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda character: character != word[place]))
    assert a_walk().place(word[:place] + other + word[place + 1 :]) == BAD


@given(st.integers(0, 59), st.text(max_size=8))
def test_a_word_that_was_cut_is_no_cursor(length: int, rest: str) -> None:
    word = a_walk().word(AT)
    assert word[:length] + rest == word or a_walk().place(word[:length] + rest) == BAD


@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_\-]{60}", fullmatch=True) | st.binary(max_size=45))
def test_no_text_is_a_cursor_by_chance(given_text: str | bytes) -> None:
    raw = isinstance(given_text, bytes)
    word = base64.urlsafe_b64encode(given_text).decode() if isinstance(given_text, bytes) else given_text
    assert a_walk().place(word) == (plain(word) or BAD), raw


@pytest.mark.parametrize(
    "other",
    [a_walk("bo"), a_walk(listing="posts ann"), a_walk(listing="timeline bo"), a_walk(keys=Keys({1: b"x"}, 1))],
    ids=["reader", "kind", "account", "key"],
)
def test_a_word_of_another_walk_is_refused(other: Walk) -> None:
    assert a_walk().place(other.word(AT)) == BAD
    assert a_walk().place(a_walk().word(AT)) == AT  # the control


def test_reader_and_list_are_kept_apart() -> None:
    assert a_walk("a\nb", "c").place(a_walk("a", "b\nc").word(AT)) == BAD


def test_a_word_of_a_key_that_is_gone_is_refused() -> None:
    newer = Keys({2: b"two"}, signs=2)
    assert a_walk(keys=newer).place(a_walk().word(AT)) == BAD
    assert a_walk(keys=Keys(KEYS.secrets, signs=2)).place(a_walk().word(AT)) == AT


@pytest.mark.parametrize("more", [LEVEL, timedelta(microseconds=1)])
def test_a_walk_rests_a_week_at_most(more: timedelta) -> None:
    later = a_walk(now=NOW + LIFETIME + more)
    assert later.place(a_walk().word(AT)) == (STALE if more else AT)


@pytest.mark.parametrize("refusal", [BAD, STALE])
def test_a_refusal_states_what_to_do(refusal: Refusal) -> None:
    assert refusal.detail.endswith("start again without one")


def test_what_signs_a_cursor_signs_no_touch() -> None:
    word = base64.urlsafe_b64decode(a_walk().word(AT))
    assert KEYS.mac(1, word[:-16]) != word[-16:]


@given(st.datetimes(timezones=st.just(UTC)), st.integers(1, 2**63 - 1))
def test_a_plain_cursor_of_the_release_before_leads_on(moment: datetime, number: int) -> None:
    word = base64.urlsafe_b64encode(f"{moment.isoformat()}|{number}".encode()).decode().rstrip("=")
    assert a_walk().place(word) == Cursor(moment, number)


@pytest.mark.parametrize("word", ["", "!", "e30", "MjAyNi0wMS0wMVQwMDowMDowMFp8MA", "MjAyNi0wMS0wMVQwMDowMDowMFp8LTE"])
def test_what_no_release_made_is_no_plain_cursor(word: str) -> None:
    assert plain(word) is None
