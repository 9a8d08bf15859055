"""What days, months and cohorts are, and in which order programs stand."""

from datetime import UTC, date, datetime

from lutong_registry.rankings import domain
from lutong_registry.rankings.domain import Cohort, Counted, Span

DAY = date(2026, 11, 29)


def a_program(name: str, users: int, users_before: int = 0, opened: int = 0) -> Counted:
    return Counted(name, name, None, users, opened, users_before)


def test_a_day_is_that_of_shanghai() -> None:
    assert domain.day_of(datetime(2026, 11, 28, 16, tzinfo=UTC)) == DAY
    assert domain.day_of(datetime(2026, 11, 28, 15, 59, tzinfo=UTC)) == date(2026, 11, 28)


def test_a_month_and_thirty_days_are_two_things() -> None:
    assert domain.month_of(date(2026, 12, 31)) == Span(date(2026, 12, 1), date(2027, 1, 1))
    assert domain.trailing(DAY, 30) == Span(date(2026, 10, 31), date(2026, 11, 30))
    assert domain.before(domain.trailing(DAY, 7)) == Span(date(2026, 11, 16), date(2026, 11, 23))


def test_the_hottest_has_most_users_then_most_openings() -> None:
    found = [a_program("b", 3), a_program("c", 3, opened=9), a_program("a", 3), a_program("d", 4)]
    assert [each.name for each in domain.ranked(found, "hottest")] == ["d", "c", "a", "b"]


def test_growth_of_few_is_none() -> None:
    found = [a_program("new", 900), a_program("few", 90, 19), a_program("slow", 30, 20), a_program("fast", 60, 20)]
    assert [each.name for each in domain.ranked(found, "growth")] == ["fast", "slow"]
    assert (domain.growth(found[1]), domain.growth(found[3])) == (None, 3.0)


def test_a_cohort_is_complete_when_its_seventh_day_is_over() -> None:
    assert domain.complete(domain.trailing(DAY, 28), DAY).until == date(2026, 11, 22)


def test_a_share_is_of_those_who_were_new() -> None:
    cohorts = [Cohort(DAY, 10, 4, 6), Cohort(DAY, 0, 0, 0)]
    assert [domain.share(each) for each in cohorts] == [0.4, None]
    assert domain.together(cohorts, DAY) == Cohort(DAY, 10, 4, 6)
