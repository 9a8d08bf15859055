"""Whose posts are copied, and how much at once."""

import pytest

from lutong_feed.settings import FeedSettings
from lutong_feed.timelines.domain import CHUNK_MAX, Thresholds, chunk_of, moved, tier_after

AT = Thresholds(pull_from=10, push_below=8)


def test_an_author_does_not_go_to_and_fro() -> None:
    tier, seen = "push", []
    for followers in (9, 10, 9, 8, 9, 7, 9, 10):
        tier = tier_after(tier, followers, AT)  # type: ignore[arg-type]  # a tier, whatever mypy makes of the loop
        seen.append(tier)
    assert seen == ["push", "pull", "pull", "pull", "pull", "push", "push", "pull"]


def test_only_those_who_change_are_moved() -> None:
    assert moved({"a": 9, "b": 10, "c": 9, "d": 7}, {"c", "d"}, AT) == {"b": "pull", "d": "push"}


@pytest.mark.parametrize("events", [1, 7, 250])
def test_a_batch_writes_a_bounded_number(events: int) -> None:
    assert events * chunk_of(events) <= CHUNK_MAX


def test_thresholds_keep_a_distance() -> None:
    with pytest.raises(ValueError, match="must be less than timeline_pull_from"):
        FeedSettings(timeline_pull_from=10, timeline_push_below=10)
