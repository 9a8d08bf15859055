"""Days and moments that no term can be added to are refused where they are written."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from lutong_contracts.sentences import wrongs
from lutong_contracts.values import Day, Moment
from lutong_membership.agreements.domain.agreement import term
from lutong_membership.plans.domain.calendar import Calendar
from lutong_membership.plans.domain.terms import Appointed
from lutong_membership.plans.http import PlanTerms

PLAN = {"merchant_id": "watsons", "title": "Light", "line_limit_minor": 300_000}


ZONES = ["Asia/Shanghai", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
NOW = datetime(2026, 1, 31, tzinfo=UTC)


def between(first: str, last: str) -> Appointed:
    return TypeAdapter(Appointed).validate_python({"kind": "appointed", "first_day": first, "last_day": last})


@pytest.mark.parametrize("zone", ZONES)
def test_a_plan_until_9999_12_31_has_no_end(zone: str) -> None:
    begins, ends = term(between("0001-01-01", "9999-12-31"), NOW, Calendar(zone))
    assert begins < NOW
    assert ends is None


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("first", "last"), [("0001-01-01", "0001-01-01"), ("9999-12-30", "9999-12-30")])
def test_any_other_day_of_the_calendar_has_a_term(first: str, last: str, zone: str) -> None:
    calendar = Calendar(zone)
    begins, ends = term(between(first, last), NOW, calendar)
    assert ends is not None
    assert begins < ends
    assert calendar.shown(ends)


def test_a_day_of_the_year_10000_is_refused_with_the_place() -> None:
    with pytest.raises(ValidationError) as caught:
        PlanTerms.model_validate(
            PLAN | {"terms": {"period": {"kind": "appointed", "first_day": "2024-01-01", "last_day": "10000-01-01"}}}
        )
    [wrong] = wrongs(caught.value.errors(), PlanTerms)
    assert wrong.pointer == "/terms/period/last_day"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_moment_that_utc_cannot_express_is_refused(moment: str) -> None:
    with pytest.raises(ValidationError, match="between the years"):
        TypeAdapter(Moment).validate_python(moment)


def test_a_day_of_this_century_is_taken() -> None:
    assert TypeAdapter(Day).validate_python("2026-01-31").year == 2026


@pytest.mark.parametrize(
    ("terms", "where", "words"),
    [
        ({"benefits": {"discount": 5}}, "/terms/benefits/discount", "did you mean discount_percent?"),
        ({"period": {"kind": "monthly"}}, "/terms/period", "needs a field kind that is one of"),
        ({"benefits": 5}, "/terms/benefits", "must be an object with fields, not a number"),
        ({"zone": "Mars/Base"}, "/terms/zone", "is not a time zone"),
    ],
)
def test_terms_are_explained_in_sentences_too(terms: dict[str, object], where: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PlanTerms.model_validate(PLAN | {"terms": terms})
    [wrong] = wrongs(caught.value.errors(), PlanTerms)
    assert wrong.pointer == where
    assert words in wrong.detail
