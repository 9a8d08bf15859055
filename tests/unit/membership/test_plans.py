"""Plans: what may be promised, and when a term begins and ends."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lutong_membership.agreements.domain.agreement import term
from lutong_membership.plans.domain.calendar import Calendar, Window
from lutong_membership.plans.domain.terms import TERMS
from tests.unit.membership.a_membership import NOON, OBLIGED, a_plan

SHANGHAI = Calendar("Asia/Shanghai")


def at(text: str, zone: str = "Asia/Shanghai") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def ends(signed: str, period: dict[str, Any]) -> datetime:
    _, ends_at = term(a_plan(period=period).terms.period, at(signed), SHANGHAI)
    assert ends_at
    return ends_at


@pytest.mark.parametrize(
    ("signed", "period", "begins_at", "ends_at"),
    [
        ("2026-03-10 12:00", {"kind": "relative", "days": 30}, "2026-03-10 12:00", "2026-04-09 12:00"),
        ("2026-03-10 12:00", {"kind": "from_tomorrow", "months": 1}, "2026-03-11 00:00", "2026-04-11 00:00"),
        ("2026-03-10 12:00", {"kind": "fixed_day", "day": 20}, "2026-03-10 12:00", "2026-03-20 00:00"),
        ("2026-03-10 12:00", {"kind": "fixed_day", "day": 10, "months": 2}, "2026-03-10 12:00", "2026-05-10 00:00"),
        ("2026-03-10 12:00", {"kind": "fixed_day", "day": 31, "months": 2}, "2026-03-10 12:00", "2026-04-30 00:00"),
        (
            "2026-03-10 12:00",
            {"kind": "appointed", "first_day": "2026-06-01", "last_day": "2026-06-30"},
            "2026-06-01 00:00",
            "2026-07-01 00:00",
        ),
    ],
)
def test_a_term_begins_and_ends_by_its_kind(signed: str, period: dict[str, Any], begins_at: str, ends_at: str) -> None:
    found = term(a_plan(period=period).terms.period, at(signed), SHANGHAI)
    assert found == (at(begins_at), at(ends_at))


@pytest.mark.parametrize(
    ("signed", "months", "ends_at"),
    [
        ("2026-01-31 09:00", 1, "2026-02-28 09:00"),
        ("2028-01-31 09:00", 1, "2028-02-29 09:00"),
        ("2026-01-31 09:00", 2, "2026-03-31 09:00"),  # from the 31st, not from the 28th
        ("2026-12-31 09:00", 2, "2027-02-28 09:00"),
        ("2026-02-28 09:00", 1, "2026-03-28 09:00"),
    ],
)
def test_month_end_31_january_and_one_month_is_the_last_of_february(signed: str, months: int, ends_at: str) -> None:
    assert ends(signed, {"kind": "relative", "months": months}) == at(ends_at)


def test_a_term_signed_on_its_fixed_day_lasts_until_the_next() -> None:
    assert ends("2026-03-20 00:00", {"kind": "fixed_day", "day": 20}) == at("2026-04-20 00:00")
    assert ends("2026-03-19 23:59", {"kind": "fixed_day", "day": 20}) == at("2026-03-20 00:00")


def test_a_day_is_a_day_of_the_calendar_also_when_clocks_change() -> None:
    berlin = Calendar("Europe/Berlin")
    before = at("2026-03-28 12:00", "Europe/Berlin")
    assert berlin.plus_days(before, 1) == at("2026-03-29 12:00", "Europe/Berlin")
    assert berlin.plus_days(before, 1) - before == timedelta(hours=23)


def test_a_plan_without_a_period_has_no_end() -> None:
    plan = TERMS.validate_python({})
    assert term(plan.period, at("2026-03-10 12:00"), SHANGHAI) == (at("2026-03-10 12:00"), None)
    assert plan.cap_minor == 0


@given(st.integers(0, 20 * 365 * 24 * 60), st.integers(1, 31), st.integers(1, 24))
def test_every_term_ends_after_it_was_signed(minutes: int, day: int, months: int) -> None:
    signed = NOON + timedelta(minutes=minutes)
    for period in ({"kind": "fixed_day", "day": day, "months": months}, {"kind": "relative", "months": months}):
        begins_at, ends_at = term(TERMS.validate_python({**OBLIGED, "period": period}).period, signed, SHANGHAI)
        assert ends_at is not None
        assert begins_at < ends_at
        assert signed < ends_at


@pytest.mark.parametrize(
    ("moment", "opens_at"),
    [
        ("2026-03-10 07:09:59", "2026-03-10 07:10"),
        ("2026-03-10 07:10", "2026-03-10 07:10"),
        ("2026-03-10 21:49:59", "2026-03-10 21:49:59"),
        ("2026-03-10 21:50", "2026-03-11 07:10"),
        ("2026-03-31 23:00", "2026-04-01 07:10"),
    ],
)
def test_a_window_is_half_open_and_opens_again_the_next_day(moment: str, opens_at: str) -> None:
    window = a_plan().terms.withholding
    assert window
    assert SHANGHAI.open_from(at(moment), window.window) == at(opens_at)


def test_where_a_day_is_shortened_for_a_test_windows_never_close() -> None:
    short = Calendar("Asia/Shanghai", timedelta(seconds=2))
    night = at("2026-03-10 23:00")
    assert short.open_from(night, Window(night.time(), night.time())) == night
    assert short.plus_months(night, 1) == night + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"period": {"kind": "relative"}}, "lasts at least one day"),
        ({"period": {"kind": "relative", "days": 1, "day": 3}}, "day"),
        ({"period": {"kind": "weekly"}}, "weekly"),
        ({"period": {"kind": "appointed", "first_day": "2026-06-02", "last_day": "2026-06-01"}}, "before first_day"),
        ({"period": {"kind": "appointed", "first_day": 0, "last_day": "2026-06-01"}}, "begin with a date"),
        ({"period": None}, "leave all or give all"),
        ({"withholding": None}, "leave all or give all"),
        ({"obligation": {"kind": "times", "times": 0}}, "greater than or equal to 1"),
        ({"benefits": {"discount_percent": 91}}, "less than or equal to 90"),
        ({"benefits": {"rights": [{"right_id": "r", "title": "r", "times": 1, "value_minor": 1}] * 2}}, "named once"),
        ({"settlement": {"kind": "by_times", "tiers": [{"times": 1, "charge_minor": 1}]}}, "begin at 0"),
        (
            {
                "settlement": {
                    "kind": "by_times",
                    "tiers": [{"times": 0, "charge_minor": 1}, {"times": 1, "charge_minor": 2}],
                }
            },
            "never rise",
        ),
        ({"withholding": {"cap_minor": 0}}, "greater than or equal to 1"),
        ({"withholding": {"cap_minor": 1, "window_opens": "22:00", "window_closes": "07:00"}}, "before window_closes"),
        ({"withholding": {"cap_minor": 1, "window_closes": "23:00:00Z"}}, "without a zone"),
        ({"payment": {"days": 1, "remind_days": 8}}, "one after the other"),
        ({"zone": "Asia/Atlantis"}, "IANA"),
        ({"bonus": True}, "Unexpected"),
    ],
)
def test_terms_that_contradict_each_other_are_refused_with_a_reason(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        TERMS.validate_python({**OBLIGED, **change})


def test_terms_survive_being_stored() -> None:
    terms = TERMS.validate_python(
        {**OBLIGED, "period": {"kind": "appointed", "first_day": date(2026, 6, 1), "last_day": date(2026, 6, 30)}}
    )
    assert TERMS.validate_json(TERMS.dump_json(terms)) == terms
    assert b"flagship_ok" not in TERMS.dump_json(terms)  # the release before knows no such field, and reads its own
    agreed = TERMS.validate_python({"flagship_ok": True})
    assert TERMS.validate_json(TERMS.dump_json(agreed)) == agreed


def test_where_a_day_is_shortened_months_have_thirty_of_them() -> None:
    short, moment = Calendar("Asia/Shanghai", timedelta(seconds=2)), at("2026-01-31 10:00")
    assert short.plus_days(moment, 3) == moment + timedelta(seconds=6)
    assert short.plus_months(moment, 1) == moment + timedelta(seconds=60)
    assert short.tomorrow(moment) == moment + timedelta(seconds=2)
    assert short.next_day_of_month(moment, 5, months_on=1) == moment + timedelta(seconds=120)
