"""Cursors of ranked lists: they hold the order that their reader was shown, and nobody else's."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.touches import ranked_id, rules_of
from lutong_feed.domain import Cursor
from lutong_feed.paging.domain import BAD, LIFETIME, STALE
from lutong_feed.placements import cursors
from lutong_feed.placements.cursors import Snapshot
from tests.unit.feed.test_paging import NOW, a_walk

OLDER = Cursor(datetime(2026, 1, 1, tzinfo=UTC), 5)
AT = Snapshot(1, None, NOW, (9, 400, 3), OLDER, (400_000, 2))


@given(
    st.lists(st.integers(1, 2**62), max_size=100, unique=True),
    st.integers(1, 4095),
    st.sampled_from([None, "switched_off", "signals_slow", "signals_failed"]),
    st.none() | st.builds(Cursor, st.datetimes(timezones=st.just(UTC)), st.integers(1, 2**63 - 1)),
    st.lists(st.integers(1, 2**62), max_size=100, unique=True),
)
def test_a_word_holds_the_order_that_was_shown(
    numbers: list[int], rules: int, fallback: None, older: Cursor, shown: list[int]
) -> None:
    snapshot = Snapshot(rules, fallback, NOW, tuple(numbers), older, tuple(shown))
    assert cursors.place(a_walk(), cursors.word(a_walk(), snapshot)) == snapshot


def test_a_word_of_the_release_before_leads_on() -> None:
    before = "AAAAAQMAAQAABkffJe-QAAAGR98l75AAAAZHSEYgQAAAAAAAAAAABQAAAAAAAAADBo0DAItomIjnIYR-qQNmM5bSi84"
    assert cursors.place(a_walk(), before) == AT._replace(shown=())


def test_a_window_of_a_big_feed_is_a_short_word() -> None:
    numbers = tuple(10_000_000 + (step * 7_919) % 400_000 for step in range(100))
    assert len(cursors.word(a_walk(), AT._replace(rest=numbers, shown=()))) < 600


@given(st.data())
def test_one_character_that_changed_is_refused(data: st.DataObject) -> None:
    word = cursors.word(a_walk(), AT)
    place = data.draw(st.integers(0, len(word) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda character: character != word[place]))
    assert cursors.place(a_walk(), word[:place] + other + word[place + 1 :]) == BAD


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9_\-]{100}", fullmatch=True))
def test_no_text_is_a_place_by_chance(word: str) -> None:
    assert cursors.place(a_walk(), word) == BAD


def test_a_word_that_was_cut_is_refused() -> None:
    word = cursors.word(a_walk(), AT)
    assert {cursors.place(a_walk(), word[:length]) for length in range(len(word))} == {BAD}


def test_a_word_of_another_reader_or_list_is_refused() -> None:
    word = cursors.word(a_walk(), AT)
    assert [cursors.place(a_walk("bo"), word), cursors.place(a_walk(listing="x"), word)] == [BAD, BAD]
    assert cursors.place(a_walk(), word) == AT  # the control


def test_a_plain_cursor_is_no_ranked_one() -> None:
    walk = a_walk()
    assert cursors.place(walk, walk.word(OLDER)) == BAD
    assert walk.place(cursors.word(walk, AT)) == BAD


def test_signed_bytes_without_a_place_are_refused() -> None:
    assert cursors.place(a_walk(), a_walk().signed(b"\3")) == BAD
    assert cursors.place(a_walk(), a_walk().signed(b"\5" * 80)) == BAD


def test_a_ranked_walk_rests_a_week_at_most() -> None:
    word = cursors.word(a_walk(), AT)
    assert cursors.place(a_walk(now=NOW + LIFETIME), word) == AT
    assert cursors.place(a_walk(now=NOW + LIFETIME + timedelta(microseconds=1)), word) == STALE


@pytest.mark.parametrize("rules", [0, 4096])
def test_rules_have_twelve_bits(rules: int) -> None:
    with pytest.raises(ValueError, match="version of rules"):
        ranked_id("01890a5d-ac96-774b-bcce-b302099a8057", rules)
    assert rules_of(ranked_id("01890a5d-ac96-774b-bcce-b302099a8057", 4095)) == 4095
