"""Each original once in a walk: cut into pages, none comes twice and none is left out."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lutong_feed.placements import originals
from lutong_feed.placements.domain import SHOWN_MAX

Rows = list[Any]


def row(number: int, root_number: int | None = None, program_id: str | None = None) -> Any:  # noqa: ANN401  # stands for a record
    return {"number": number, "root_number": root_number, "program_id": program_id}


def walked(rows: Rows, limit: int) -> Rows:
    found, shown = [], tuple[int, ...]()
    while rows:
        page, rest = originals.cut(originals.unseen(rows, shown), limit)
        shown = originals.remembered(shown, page)
        found += page
        rows = rest
    return found


A_LIST = st.lists(
    st.builds(row, st.integers(1, 30), st.none() | st.integers(31, 36)), max_size=30, unique_by=lambda each: each["number"]
)  # fmt: skip


@given(A_LIST, st.integers(1, 9))
def test_a_walk_shows_each_original_once_and_leaves_none_out(rows: Rows, limit: int) -> None:
    found = [originals.original(each) for each in walked(rows, limit)]
    assert len(found) == len(set(found))
    assert set(found) == {originals.original(each) for each in rows}


@given(A_LIST, st.integers(1, 9))
def test_a_page_is_full_while_something_new_is_left(rows: Rows, limit: int) -> None:
    page, rest = originals.cut(rows, limit)
    assert len(page) == limit or not rest


def test_what_repeats_what_is_to_come_stays_in_case_it_goes() -> None:
    first, best, again = [row(9), row(8, 1), row(7, 1)]
    assert originals.cut([first, best, again], 1) == ([first], [best, again])
    assert originals.cut([first, best, again], 2) == ([first, best], [])


def test_a_walk_remembers_what_may_come_again_and_not_for_good() -> None:
    plain, repost, card = [row(9), row(8, 1), row(7, program_id="tea")]
    assert originals.remembered((4,), [plain, repost, card]) == (4, 1, 7)
    many = [row(100 + number, number) for number in range(1, SHOWN_MAX + 9)]
    assert originals.remembered((), many)[0] == 9
    assert len(originals.remembered((), many)) == SHOWN_MAX
