"""Grouping a poll: as few handler calls as order allows, and never at the cost of order."""

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lutong_chassis.grouping import group


class A:
    pass


class B:
    pass


@dataclass(frozen=True)
class Item:
    event: object
    key: str
    place: int


polls = st.lists(st.tuples(st.sampled_from([A, B]), st.sampled_from("xyz")), max_size=60).map(
    lambda drawn: [Item(cls(), key, place) for place, (cls, key) in enumerate(drawn)]
)


@given(polls)
def test_order_within_a_key_is_never_broken(poll: list[Item]) -> None:
    handled = [item for batch in group(poll) for item in batch]
    for key in "xyz":
        assert [item.place for item in handled if item.key == key] == [item.place for item in poll if item.key == key]


@given(polls)
def test_nothing_is_lost_or_invented_and_groups_are_of_one_type(poll: list[Item]) -> None:
    batches = group(poll)
    assert sorted(item.place for batch in batches for item in batch) == [item.place for item in poll]
    assert all(len({type(item.event) for item in batch}) == 1 for batch in batches)


@given(polls)
def test_neighbouring_groups_could_not_have_been_one(poll: list[Item]) -> None:
    batches = group(poll)
    for one, other in pairwise(batches):
        assert type(one[0].event) is not type(other[0].event)


def test_interleaved_keys_cost_two_calls() -> None:
    poll = [Item(cls(), key, n) for n, (key, cls) in enumerate((key, cls) for key in "xyz" for cls in (A, B))]
    assert [len(batch) for batch in group(poll)] == [3, 3]


def test_a_key_that_alternates_types_keeps_its_order() -> None:
    poll = [Item(A(), "x", 0), Item(B(), "x", 1), Item(A(), "x", 2)]
    assert [[item.place for item in batch] for batch in group(poll)] == [[0], [1], [2]]
