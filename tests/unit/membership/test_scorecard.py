"""The in-house scorecard as the service uses it: points, limits, reasons, and what it may never do."""

import re
from dataclasses import fields, replace
from datetime import timedelta
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_membership.providers.credit.reasons import REASONS
from lutong_membership.providers.credit.scorecard import CURRENT, ScorecardError, Table, facts, load, parse
from lutong_membership.providers.credit.values import Application, Assessment
from tests.support.builders import BAD_PROFILE, GOOD_PROFILE

CARD = load()
TEXT = """
name = "small"
valid_days = 7
[scale]
floor = 350
cap = 950
base_points = 650
base_odds = 4.0
points_to_double_the_odds = 100
[reasons]
most = 2
points_least = 10
[[limits]]
points = 700
limit_minor = 200
[[limits]]
points = 600
limit_minor = 100
[on_time]
start_points = 650
[[on_time.characteristics]]
name = "utilisation_percent"
reason = "high_utilisation"
coefficient = 1.0
bins = [{ below = 50, label = "low", woe = 0.4, points = 60 }, { label = "high", woe = -0.4, points = -60 }]
[late]
start_points = 500
[[late.characteristics]]
name = "late_months"
reason = "paid_late"
coefficient = 1.0
bins = [{ below = 2, label = "once", woe = 0.2, points = 30 }, { label = "often", woe = -0.2, points = -40 }]
"""
SMALL = parse(TEXT)

applications = st.builds(
    Application,
    application_id=st.just("a"),
    member_id=st.just("m"),
    months_known=st.integers(0, 100),
    late_months=st.integers(0, 8),
    worst_delay_months=st.integers(0, 8),
    utilisation_percent=st.integers(0, 200),
    declared_limit_minor=st.integers(0, 20_000_000),
    latest_delay_months=st.none() | st.integers(0, 8),
    repaid_monthly_minor=st.none() | st.integers(0, 1_000_000),
    unpaid_bills=st.none() | st.integers(0, 5),
)
WORSE = {
    "late_months": 1, "worst_delay_months": 1, "utilisation_percent": 1, "latest_delay_months": 1, "unpaid_bills": 1,
    "declared_limit_minor": -1, "repaid_monthly_minor": -1,
}  # fmt: skip


def an_application(**known: int | None) -> Application:
    # whatever a test says is known; the rest as GOOD_PROFILE has it
    return replace(Application("m-1", **GOOD_PROFILE, application_id="a-1"), **known)  # type: ignore[arg-type]  # names checked by replace


def points(application: Application) -> int:
    return CARD.points(facts(application))


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"utilisation_percent": 49}, 710),
        ({"utilisation_percent": 50}, 590),
        ({"late_months": 1}, 530),
        ({"late_months": 2}, 460),
        ({"late_months": 1, "utilisation_percent": 90}, 530),
    ],
)
def test_points_are_the_start_of_the_table_and_what_each_bin_gives(known: dict[str, int], expected: int) -> None:
    assert SMALL.points(facts(an_application(**known))) == expected


@pytest.mark.parametrize(("points", "limit"), [(950, 200), (700, 200), (699, 100), (600, 100), (599, 0), (350, 0)])
def test_the_limit_is_that_of_the_highest_step_reached(points: int, limit: int) -> None:
    assert SMALL.limit_minor(points) == limit


def test_facts_that_are_always_known_admit_only_a_good_member() -> None:
    good, bad = an_application(), Application("m-2", **BAD_PROFILE, application_id="a-2")
    assert CARD.limit_minor(points(good)) >= 300_000
    assert CARD.limit_minor(points(bad)) == 0
    assert CARD.reasons(facts(bad))[0] == "paid_late"


@given(applications)
def test_points_are_bounded_and_the_same_for_the_same_facts(
    application: Application,
) -> None:
    assert 350 <= points(application) <= 950
    assert points(application) == points(replace(application, member_id="another", months_known=7))


@given(applications, st.sampled_from(sorted(WORSE)), st.integers(1, 5_000_000))
def test_a_worse_fact_never_earns_more_points(application: Application, fact: str, by: int) -> None:
    value = getattr(application, fact)
    if value is None:
        return
    worse = replace(application, **{fact: max(0, value + WORSE[fact] * by)})
    assert points(worse) <= points(application)


def test_negative_control_two_tables_alone_would_reward_being_late() -> None:
    """What taking the smaller sum is for: this very member would gain by paying late once."""
    poor = an_application(
        utilisation_percent=120, declared_limit_minor=100_000, repaid_monthly_minor=500, unpaid_bills=1
    )
    late = facts(replace(poor, late_months=1, worst_delay_months=1, latest_delay_months=0))
    assert CARD.late.points(late) > CARD.on_time.points(facts(poor))
    assert CARD.points(late) <= CARD.points(facts(poor))


@given(applications)
def test_what_is_not_known_moves_nothing(application: Application) -> None:
    known = facts(application)
    without = {name: value for name, value in known.items() if value is not None}
    assert CARD.points(known) == CARD.points(without)


@given(applications)
def test_facts_that_contradict_each_other_count_at_their_worst(application: Application) -> None:
    known = facts(application)
    assert bool(known["late_months"]) == bool(known["worst_delay_months"])
    assert (known["worst_delay_months"] or 0) >= max(
        application.worst_delay_months, application.latest_delay_months or 0
    )


@given(applications)
def test_reasons_are_at_most_four_known_words_about_known_facts(application: Application) -> None:
    reasons = CARD.reasons(facts(application))
    assert len(set(reasons)) == len(reasons) <= 4
    assert set(reasons) <= REASONS.keys()
    if application.repaid_monthly_minor is None:
        assert "small_repayments" not in reasons
    if application.latest_delay_months is None:
        assert "late_now" not in reasons


def test_the_best_member_has_no_reasons_and_a_late_one_has() -> None:
    best = an_application(declared_limit_minor=10_000_000, repaid_monthly_minor=200_000, unpaid_bills=0)
    assert CARD.reasons(facts(best)) == ()
    assert "paid_late" in CARD.reasons(facts(replace(best, late_months=1)))


def test_the_weightiest_reason_comes_first() -> None:
    late = an_application(late_months=6, worst_delay_months=2, latest_delay_months=2, utilisation_percent=95)
    assert CARD.reasons(facts(late)) == ("paid_late", "late_now", "high_utilisation", "long_delay")


def test_every_reason_is_explained_in_two_languages_and_never_with_a_number() -> None:
    for explanation in REASONS.values():
        assert re.search(r"[\u4e00-\u9fff]", explanation.zh)
        assert re.search(r"[a-z]", explanation.en)
        assert not re.search(r"\d", explanation.zh + explanation.en)
        assert re.fullmatch(r"[a-z][a-z_]{2,39}", explanation.reason)


def test_a_representation_tells_nothing_that_is_known_and_no_points() -> None:
    assessment = Assessment(712, 300_000, ("paid_late",), "scorecard-2", timedelta(days=30))
    assert "712" not in repr(assessment)
    assert repr(an_application(utilisation_percent=77)) == "Application('a-1')"


def test_protected_attributes_are_not_even_part_of_an_application() -> None:
    known = {field.name for field in fields(Application)} | set(facts(an_application()))
    for word in ("sex", "gender", "age", "birth", "marriage", "marital", "education", "name", "phone", "address"):
        assert word not in chain.from_iterable(name.split("_") for name in known)


def test_the_scorecard_of_the_package_is_the_one_that_the_service_loads() -> None:
    assert CARD.name == CURRENT
    assert all(len(table.characteristics) > 2 for table in (CARD.on_time, CARD.late))
    assert isinstance(CARD.late, Table)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('name = "late_months"', 'name = "shoe_size"', "there is no such fact"),
        ('reason = "paid_late"', 'reason = "bad_luck"', "no sentence for the member"),
        ("below = 50", "below = 50, colour = 1", None),
        ("{ below = 50, label", "{ label", "the bins' edges must rise"),
        ('label = "high", woe = -0.4', 'below = 40, label = "high", woe = -0.4', "the bins' edges must rise"),
        ("points = 700\n", "points = 599\n", "limits must go from the most points"),
        ("limit_minor = 100", "limit_minor = 300", "limits must go from the most points"),
        ("points = 600\n", "points = 350\n", "above the floor"),
        ("cap = 950", "cap = 950\nceiling = 1", "ceiling"),
        ("valid_days = 7", "", "valid_days"),
        (
            '{ label = "often", woe = -0.2, points = -40 }',
            '{ below = 3, label = "twice", woe = -0.2, points = -40 }, { label = "often", woe = 0, points = 0 }',
            "more must always be better",
        ),
    ],
)
def test_a_file_that_does_not_make_sense_is_refused_with_the_place(old: str, new: str, complaint: str | None) -> None:
    text = TEXT.replace(old, new, 1)
    assert text != TEXT
    if complaint is None:
        assert parse(text) == SMALL  # evidence beside the numbers is for people
    else:
        with pytest.raises(ScorecardError, match=complaint):
            parse(text)
