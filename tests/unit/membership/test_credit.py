"""Who may enjoy first, and how much: rules without a database."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.feed import ServiceRequested
from lutong_contracts.membership import CreditDeclined
from lutong_contracts.values import Line as OrderLine
from lutong_contracts.values import Money, Place
from lutong_membership.domain import Applicant, Books, Decision, Line, Plan, Scorecard, decide_all, entry

GOOD = Applicant("m", 36, 0, 0, 20, 2_000_000)
BAD = Applicant("m", 3, 5, 4, 95, 200_000)
PLAN = Plan("light", "shop", "CNY", 100_000)


def a_request(
    order: str = "o-1", amount: int = 10_000, currency: str = "CNY", merchant: str = "shop"
) -> ServiceRequested:
    return ServiceRequested(
        viewer_id="m", order_id=order, post_id="p", program_id="g", merchant_id=merchant,
        lines=(OrderLine(sku="tea", units=1, unit_price_minor=amount),),
        total=Money(amount_minor=amount, currency=currency),
        destination=Place(latitude=31.23, longitude=121.47), mode="delivery",
    )  # fmt: skip


def books(**changes: Any) -> Books:  # whatever a test changes
    whole = Books({"shop": PLAN}, {"m": GOOD}, {}, {}, frozenset(), frozenset())
    return replace(whole, **changes)


def decide(*requests: ServiceRequested, on: Books | None = None) -> list[Decision | None]:
    return decide_all([(request, f"a-{n}") for n, request in enumerate(requests)], on or books(), Scorecard())


def said(decision: Decision | None) -> list[str]:
    return [type(event).__name__ for event in decision.events] if decision else []


def reason(decision: Decision | None) -> str:
    assert decision is not None
    declined = decision.events[-1]
    assert isinstance(declined, CreditDeclined)
    return declined.reason


def test_a_good_member_signs_and_the_order_is_held() -> None:
    (decision,) = decide(a_request())
    assert said(decision) == ["AgreementSigned", "CreditHeld"]
    assert decision is not None
    assert decision.line_after == Line("m", "CNY", 100_000, held_minor=10_000)


def test_two_requests_of_one_member_in_one_batch_see_each_other() -> None:
    first, second, third = decide(a_request("o-1", 60_000), a_request("o-2", 60_000), a_request("o-3", 40_000))
    assert said(first) == ["AgreementSigned", "CreditHeld"]
    assert reason(second) == "over_limit"
    assert said(third) == ["CreditHeld"]


def test_an_order_that_is_too_large_for_a_fresh_line_still_signs() -> None:
    (decision,) = decide(a_request(amount=100_001))
    assert said(decision) == ["AgreementSigned", "CreditDeclined"]
    assert decision is not None
    assert decision.line_after == Line("m", "CNY", 100_000)


@pytest.mark.parametrize(
    ("on", "request_", "why"),
    [
        (books(plans={}), a_request(), "no_plan"),
        (books(applicants={}), a_request(), "unknown_applicant"),
        (books(), a_request(currency="EUR"), "currency_mismatch"),
        (books(cancelled=frozenset({"o-1"})), a_request(), "order_cancelled"),
    ],
)
def test_a_refusal_says_why_and_holds_nothing(on: Books, request_: ServiceRequested, why: str) -> None:
    (decision,) = decide(request_, on=on)
    assert reason(decision) == why
    assert decision is not None
    assert decision.line_after is None


def test_a_bad_member_is_declined_and_the_decision_carries_no_points() -> None:
    (decision,) = decide(a_request(), on=books(applicants={"m": BAD}))
    assert said(decision) == ["AgreementDeclined", "CreditDeclined"]
    assert decision is not None
    assert decision.assessment is not None
    for event in decision.events:
        assert str(decision.assessment.points) not in event.model_dump_json()


def test_an_order_that_was_answered_is_not_answered_again() -> None:
    assert decide(a_request(), on=books(answered=frozenset({"o-1"}))) == [None]
    first, again = decide(a_request(), a_request())
    assert (first is not None, again) == (True, None)


def test_the_scorecard_gives_the_same_answer_for_the_same_facts_and_reasons_for_a_refusal() -> None:
    assert Scorecard().assess(BAD) == Scorecard().assess(BAD)
    assert Scorecard().assess(BAD).reasons == ("high_utilisation", "long_delay", "paid_late", "small_declared_limit")
    assert Scorecard().assess(GOOD).reasons == ()


amounts = st.integers(1, 50_000)
deeds = st.lists(st.tuples(st.sampled_from(["hold", "capture", "release", "repay"]), amounts), max_size=40)


@given(deeds)
def test_held_and_owed_never_exceed_the_limit_and_the_ledger_tells_the_same(done: list[tuple[str, int]]) -> None:
    line = Line("m", "CNY", 100_000)
    entries = [entry("line_opened", line, line.limit_minor)]
    held: list[int] = []
    for deed, amount in done:
        if deed == "hold" and (after := line.hold(amount)):
            line, held = after, [*held, amount]
            entries.append(entry("hold", line, amount))
        elif deed in {"capture", "release"} and held:
            earlier = held.pop()
            line = line.capture(earlier) if deed == "capture" else line.release(earlier)
            entries.append(entry("capture" if deed == "capture" else "release", line, earlier, merchant="shop"))
        elif deed == "repay" and (after := line.repay(amount)):
            line = after
            entries.append(entry("repayment", line, amount))
        assert 0 <= line.held_minor + line.owed_minor <= line.limit_minor
    assert all(sum(amount for _, amount in each.postings) == 0 for each in entries)
    balance = {
        name: sum(a for each in entries for account, a in each.postings if account == f"{name}:m")
        for name in ("held", "owed", "available")
    }
    assert balance == {"held": line.held_minor, "owed": line.owed_minor, "available": line.available_minor}
