"""Touches: what the feed served is believed when it comes back as it was, in time, and from the viewer who saw it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.touches import Served, read
from lutong_feed.domain import Refusal
from lutong_feed.interactions.domain import Believed, Refused, Report, sifted, standing
from lutong_feed.touches.domain import NEVER_SERVED, Answer, Check, Keys

NOW = datetime(2026, 1, 8, 12, tzinfo=UTC)
KEYS = Keys({1: b"one", 2: b"two"}, signs=1)
WEEK = timedelta(days=7)
REQUEST = "01890a5d-ac96-774b-bcce-b302099a8057"

ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}", fullmatch=True)


def an_answer(viewer_id: str = "ann", served_at: datetime = NOW, keys: Keys = KEYS) -> Answer:
    return Answer(keys, REQUEST, "timeline", viewer_id, served_at)


def a_touch(viewer_id: str = "ann", served_at: datetime = NOW, keys: Keys = KEYS, position: int = 0) -> str:
    return an_answer(viewer_id, served_at, keys).touch(position, "p-2", "p-1", "shop") or ""


def check(now: datetime = NOW, keys: Keys = KEYS) -> Check:
    return Check(keys, now, WEEK)


@given(st.integers(0, 9999), ids, ids, st.none() | ids, ids)
def test_what_was_served_is_read_as_it_was(
    position: int, post_id: str, root_id: str, program_id: str | None, viewer_id: str
) -> None:
    touch = an_answer(viewer_id).touch(position, post_id, root_id, program_id) or ""
    served = Served(1, REQUEST, "timeline", position, post_id, root_id, program_id, viewer_id, NOW)
    assert check().verified(touch, viewer_id) == read(touch) == served


@given(st.data())
def test_one_character_that_changed_is_enough(data: st.DataObject) -> None:
    touch = a_touch()
    place = data.draw(st.integers(0, len(touch) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda character: character != touch[place]))
    assert check().verified(touch[:place] + other + touch[place + 1 :], "ann") == NEVER_SERVED


@given(st.text(max_size=300))
def test_no_text_is_a_touch_by_chance(text: str) -> None:
    assert check().verified(text, "ann") == NEVER_SERVED


def test_a_touch_of_another_viewer_is_none_of_theirs() -> None:
    assert check().verified(a_touch("bo"), "ann") == NEVER_SERVED


@pytest.mark.parametrize(("age", "counts"), [(WEEK, True), (WEEK + timedelta(milliseconds=1), False)])
def test_what_was_served_too_long_ago_counts_no_more(age: timedelta, counts: bool) -> None:
    verdict = check().verified(a_touch(served_at=NOW - age), "ann")
    assert isinstance(verdict, Served) is counts
    assert counts or (isinstance(verdict, Refusal) and verdict.kind == "too_late")


def test_old_secrets_are_believed_and_foreign_ones_not() -> None:
    newer = Keys(KEYS.secrets, signs=2)
    assert isinstance(check(keys=newer).verified(a_touch(), "ann"), Served)
    assert isinstance(check().verified(a_touch(keys=newer), "ann"), Served)
    assert check(keys=Keys({1: b"other"}, signs=1)).verified(a_touch(), "ann") == NEVER_SERVED


def test_nobody_in_particular_has_no_touch() -> None:
    assert Answer(KEYS, REQUEST, "post", None, NOW).touch(0, "p-1", "p-1", None) is None


def test_a_report_counts_once_and_a_refusal_names_its_place() -> None:
    first, second = a_touch(), a_touch(position=1)
    given_reports = [Report(first, "open"), Report("x", "open"), Report(first, "open"), Report(second, "open")]
    found = sifted("ann", given_reports, check())
    assert found.believed == (Believed(0, Report(first, "open"), "p-2"), Believed(3, Report(second, "open"), "p-2"))
    assert [(each.place, each.refusal.kind) for each in found.refused] == [(1, "never_served")]


def test_what_is_about_a_deleted_post_counts_no_more() -> None:
    touch = a_touch()
    found = sifted("ann", [Report(touch, "open"), Report("x", "open")], check())
    assert standing(found, {"p-1"}) == found
    left = standing(found, {"p-2"})
    assert left.believed == ()
    assert [(each.place, each.refusal.kind) for each in left.refused] == [(0, "deleted"), (1, "never_served")]
    assert all(isinstance(each, Refused) for each in left.refused)
