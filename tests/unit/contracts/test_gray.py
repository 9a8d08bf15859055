"""Who sees a version in gray: nested, sticky, and as many as were wanted."""

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.gray import STEPS, Audience, Viewing, bucket, sees, widens

WORDS = st.text("abc", min_size=1, max_size=3)
IDS = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._\-]{0,20}\Z")
VIEWINGS = st.builds(Viewing, IDS, st.none() | WORDS, st.none() | WORDS)
AUDIENCES = st.builds(
    Audience,
    salt=st.just("s-1"),
    percent=st.sampled_from(STEPS),
    viewers=st.lists(IDS, max_size=3).map(tuple),
    regions=st.lists(WORDS, max_size=3).map(tuple),
    devices=st.lists(WORDS, max_size=3).map(tuple),
)
VIEWERS = 100_000


@given(AUDIENCES, AUDIENCES, VIEWINGS)
def test_who_sees_a_version_sees_it_when_it_is_widened(before: Audience, after: Audience, viewing: Viewing) -> None:
    if widens(before, after) and sees(before, "fund", viewing):
        assert sees(after, "fund", viewing)


@given(AUDIENCES, VIEWINGS)
def test_the_steps_are_nested_in_each_other(audience: Audience, viewing: Viewing) -> None:
    seen = [sees(audience.model_copy(update={"percent": step}), "fund", viewing) for step in STEPS]
    assert seen == sorted(seen)


@given(IDS, IDS, IDS)
def test_a_bucket_is_for_ever_and_from_0_to_99(program_id: str, salt: str, viewer_id: str) -> None:
    assert bucket(program_id, salt, viewer_id) == bucket(program_id, salt, viewer_id)
    assert bucket(program_id, salt, viewer_id) in range(100)


def test_buckets_do_not_change_between_releases_of_lutong() -> None:
    assert [bucket("fund", "s-1", f"reader-{n}") for n in range(6)] == [6, 55, 31, 17, 40, 3]


@pytest.mark.parametrize("salt", ["s-1", "01890a5d-ac96-774b-bcce-b302099a8057"])
@pytest.mark.parametrize("percent", STEPS)
def test_the_share_of_viewers_is_within_five_sigma(percent: int, salt: str) -> None:
    audience = Audience(salt=salt, percent=percent)
    share = percent / 100
    seen = sum(sees(audience, "fund", Viewing(f"reader-{n}")) for n in range(VIEWERS))
    assert abs(seen - share * VIEWERS) < 5 * sqrt(VIEWERS * share * (1 - share))


def test_every_bucket_has_its_share() -> None:
    counts = [0] * 100
    for n in range(VIEWERS):
        counts[bucket("fund", "s-1", f"reader-{n}")] += 1
    expected = VIEWERS / 100
    assert sum((count - expected) ** 2 / expected for count in counts) < 170  # chi-squared, 99 degrees: p < 1e-5


def test_another_salt_or_program_tries_others_first() -> None:
    def first(program_id: str, salt: str) -> set[int]:
        return {n for n in range(20_000) if bucket(program_id, salt, f"reader-{n}") < 10}

    both = len(first("fund", "s-1") & first("fund", "s-2")), len(first("fund", "s-1") & first("shop", "s-1"))
    assert all(abs(count - 200) < 5 * sqrt(200) for count in both)


def test_a_list_a_region_and_a_device_narrow_the_audience() -> None:
    audience = Audience(salt="s", percent=100, viewers=("amy",), regions=("浙江",), devices=("android",))
    assert sees(audience, "fund", Viewing("amy"))
    assert sees(audience, "fund", Viewing("bo", "浙江", "android"))
    assert not sees(audience, "fund", Viewing("bo", "浙江", "ios"))
    assert not sees(audience, "fund", Viewing("bo"))
    assert not sees(audience, "fund", Viewing(None, "浙江", "android"))


def test_an_audience_that_loses_a_viewer_is_no_wider_one() -> None:
    some = Audience(salt="s", percent=30, viewers=("amy",), regions=("浙江",))
    for change in (
        {"salt": "t"}, {"percent": 10}, {"viewers": ()}, {"regions": ("上海",)}, {"devices": ("ios",)},
    ):  # fmt: skip
        assert not widens(some, some.model_copy(update=change)), change
    assert widens(some, some.model_copy(update={"percent": 50, "viewers": ("amy", "bo"), "regions": ()}))
