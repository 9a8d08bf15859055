"""Days and moments that no term can be added to are refused where they are written."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from lutong_contracts.sentences import wrongs
from lutong_contracts.values import Day, Moment
from lutong_membership.plans.domain.calendar import Calendar
from lutong_membership.plans.domain.terms import Appointed, term
from lutong_membership.plans.http import PlanTerms

PLAN = {"merchant_id": "watsons", "title": "Light", "line_limit_minor": 300_000}


@pytest.mark.parametrize(
    ("first", "last", "where"),
    [("2024-01-01", "9999-12-31", "last_day"), ("0001-01-01", "2024-01-01", "first_day")],
)
def test_a_plan_for_ever_is_refused_with_the_place(first: str, last: str, where: str) -> None:
    period = {"kind": "appointed", "first_day": first, "last_day": last}
    with pytest.raises(ValidationError) as caught:
        PlanTerms.model_validate(PLAN | {"terms": {"period": period}})
    [wrong] = wrongs(caught.value.errors(), PlanTerms)
    assert wrong == (
        f"/terms/period/{where}",
        f"terms.period.{where} should lie between the years 2 and 9998",
    )


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_first_and_the_last_day_that_are_taken_have_a_term(zone: str) -> None:
    period = TypeAdapter(Appointed).validate_python(
        {"kind": "appointed", "first_day": "0002-01-02", "last_day": "9998-12-30"}
    )
    begins, ends = term(period, datetime(2026, 1, 31, tzinfo=UTC), Calendar(zone))
    assert ends is not None
    assert begins < ends


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_moment_that_utc_cannot_say_is_refused(moment: str) -> None:
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
def test_terms_are_told_in_sentences_too(terms: dict[str, object], where: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PlanTerms.model_validate(PLAN | {"terms": terms})
    [wrong] = wrongs(caught.value.errors(), PlanTerms)
    assert wrong.pointer == where
    assert words in wrong.detail
