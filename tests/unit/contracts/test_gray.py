"""Who sees a version in gray: nested, sticky, and as many as were wanted."""

from collections.abc import Callable
from hashlib import blake2b
from math import sqrt
from random import randrange

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts import gray
from lutong_contracts.gray import STEPS, Audience, Viewing, bucket, sees, widens

WORDS = st.text("abc", min_size=1, max_size=3)
IDS = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._\-]{0,20}\Z")
VIEWINGS = st.builds(Viewing, IDS, st.none() | WORDS, st.none() | WORDS, st.none())
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


def shares_are_right(salt: str = "s-1", percents: tuple[int, ...] = STEPS) -> bool:
    """Whether as many viewers see a version as it has percent: within five sigma."""
    readers = [Viewing(f"reader-{n}") for n in range(VIEWERS)]
    for percent in percents:
        seen = sum(gray.sees(Audience(salt=salt, percent=percent), "fund", reader) for reader in readers)
        if abs(seen - percent / 100 * VIEWERS) >= 5 * sqrt(VIEWERS * percent / 100 * (1 - percent / 100)):
            return False
    return True


def is_sticky() -> bool:
    return all(
        gray.bucket("fund", "s-1", f"reader-{n}") == gray.bucket("fund", "s-1", f"reader-{n}") for n in range(50)
    )


def others_come_first() -> bool:
    """Whether the first tenth of one salt or program is no more of that of another one than by chance."""

    def first(program_id: str, salt: str) -> set[int]:
        return {n for n in range(20_000) if gray.bucket(program_id, salt, f"reader-{n}") < 10}

    both = len(first("fund", "s-1") & first("fund", "s-2")), len(first("fund", "s-1") & first("shop", "s-1"))
    return all(abs(count - 200) < 5 * sqrt(200) for count in both)


@pytest.mark.parametrize("salt", ["s-1", "01890a5d-ac96-774b-bcce-b302099a8057"])
def test_the_share_of_viewers_is_within_five_sigma(salt: str) -> None:
    assert shares_are_right(salt)


def test_every_bucket_has_its_share() -> None:
    counts = [0] * 100
    for n in range(VIEWERS):
        counts[bucket("fund", "s-1", f"reader-{n}")] += 1
    expected = VIEWERS / 100
    assert sum((count - expected) ** 2 / expected for count in counts) < 170  # chi-squared, 99 degrees: p < 1e-5


def test_another_salt_or_program_tries_others_first() -> None:
    assert others_come_first()


BUGS: dict[str, Callable[[str, str, str], int]] = {
    "the salt is left out": lambda program_id, _, viewer_id: bucket(program_id, "", viewer_id),
    "the program is left out": lambda _, salt, viewer_id: bucket("", salt, viewer_id),
    "the bucket is drawn anew": lambda *_: randrange(100),
    "one bucket too many": lambda *of: max(0, bucket(*of) - 1),
    "few buckets are used": lambda *of: bucket(*of) // 25 * 25,
    "a byte is taken for a bucket": lambda *of: blake2b("".join(of).encode(), digest_size=1).digest()[0] % 100,
}


@pytest.mark.parametrize("bug", BUGS)
def test_each_planted_bug_breaks_a_property(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gray, "bucket", BUGS[bug])
    assert not (is_sticky() and others_come_first() and shares_are_right())


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
