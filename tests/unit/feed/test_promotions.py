"""Which impressions spend page views, and what has a place that is paid for: laws over random scenes."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lutong_feed.promotions.domain import BEFORE, Allowance, Impression, Item, Standing, chosen, spent

AT = datetime(2026, 1, 2, tzinfo=UTC)
ALLOWANCES = st.lists(
    st.builds(
        Allowance, st.sampled_from("stuvw"), st.just("p"), st.sampled_from(["tea", "rice"]), st.sampled_from(["home", "square"]),
        st.integers(1, 4), st.just(0), st.just(AT), st.integers(1, 9).map(lambda h: AT + timedelta(hours=h)),
    ), unique_by=lambda each: each.spend_id, max_size=5,
)  # fmt: skip
SEEN = st.lists(
    st.builds(
        Impression, st.sampled_from(["r-1", "r-2", "r-3"]), st.integers(3, 6), st.sampled_from(["home", "square"]),
        st.sampled_from(["tea", "rice"]), st.just("bo"), st.integers(-90, 90).map(lambda m: AT + timedelta(minutes=m)),
    ), max_size=30,
)  # fmt: skip
KNOWN = st.sets(st.builds(Item, st.sampled_from(["r-1", "r-2"]), st.integers(3, 6)), max_size=4)


@given(SEEN, ALLOWANCES, KNOWN)
def test_each_impression_spends_once_and_never_too_much(
    seen: list[Impression], allowances: list[Allowance], known: set[Item]
) -> None:
    found = spent(seen, allowances, known)
    keys = [(each.request_id, each.position) for each in found]
    assert len(keys) == len(set(keys))
    assert not known & set(keys)
    times = Counter(each.spend_id for each in found)
    by_id = {each.spend_id: each for each in allowances}
    assert all(number <= by_id[spend_id].pv for spend_id, number in times.items())
    assert all(each.program_id == by_id[each.spend_id].program_id for each in found)
    assert all(each.served_at >= by_id[each.spend_id].taken_at - BEFORE for each in found)


@given(SEEN, ALLOWANCES)
def test_nothing_that_could_be_spent_is_left_out(seen: list[Impression], allowances: list[Allowance]) -> None:
    found = spent(seen, allowances, set())
    again = {Item(each.request_id, each.position) for each in found}
    times = Counter(each.spend_id for each in found)
    left = [each._replace(used=times[each.spend_id]) for each in allowances]
    assert spent(seen, left, again) == []


def standing(number: int, program_id: str = "tea", *, wanted: float = 1.0, ability: float = 1.0) -> Standing:
    return Standing(number, program_id, wanted, ability)


def test_the_best_that_is_wanted_and_can_be_had_is_chosen() -> None:
    in_order = [standing(1, wanted=0.2), standing(2, ability=0.1), standing(3, "rice"), standing(4), standing(5)]
    assert chosen(in_order, {"rice"}, {4}) == 5
    assert chosen(in_order[:4], {"rice"}, {4}) is None
