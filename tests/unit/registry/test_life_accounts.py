"""How many pushes an account has: in calendar weeks of Shanghai, in any seven days, and while the policy changes."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from lutong_registry.life_accounts import domain
from lutong_registry.life_accounts.domain import Policy, Push, State, quota_at, week_of
from lutong_registry.programs.domain import Program, Version, why_not_promoted

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 11, 30, tzinfo=SHANGHAI)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
ONCE_A_WEEK = Policy(1, LONG_AGO, "calendar_week", 1)


def a_push(state: State = "draft", **changes: Any) -> Push:
    push = Push("push-1", "watsons", "g-1", "面膜", "立减", state, None, None, None, "", 0, None, None, None)
    return push._replace(**changes)


def a_program(state: str = "released", *, admitted_only: bool = False, suspended_for: str | None = None) -> Program:
    version = Version(1, state, "t", "p", (), admitted_only=admitted_only)  # type: ignore[arg-type]
    return Program("g-1", "watsons", suspended_for, (version,))


def test_sunday_and_monday_are_of_two_weeks() -> None:
    sunday = MONDAY - timedelta(minutes=1)
    assert week_of(sunday).ends_at == MONDAY == week_of(MONDAY).starts_at
    assert quota_at([ONCE_A_WEEK], [sunday], sunday).remaining == 0
    assert quota_at([ONCE_A_WEEK], [sunday], MONDAY).remaining == 1


def test_a_week_is_that_of_shanghai_whatever_the_zone_of_the_moment() -> None:
    moment = datetime(2026, 11, 29, 16, 30, tzinfo=UTC)  # Monday, half past midnight in Shanghai
    assert week_of(moment).starts_at == MONDAY


def test_a_week_over_the_year_is_one_week() -> None:
    assert week_of(datetime(2019, 12, 31, tzinfo=SHANGHAI)) == week_of(datetime(2020, 1, 1, tzinfo=SHANGHAI))


def test_a_week_with_summer_time_is_an_hour_shorter() -> None:
    starts_at, ends_at = week_of(datetime(1990, 4, 12, tzinfo=SHANGHAI).astimezone(UTC))
    assert ends_at - starts_at == timedelta(days=7, hours=-1)


def test_more_pushes_from_the_middle_of_a_week_on() -> None:
    wednesday = MONDAY + timedelta(days=2)
    policies = [ONCE_A_WEEK, Policy(2, wednesday, "calendar_week", 3)]
    spent = quota_at(policies, [MONDAY], MONDAY + timedelta(days=1))
    assert (spent.remaining, spent.resets_at) == (0, wednesday)
    raised = quota_at(policies, [MONDAY], wednesday)
    assert (raised.used, raised.remaining, raised.resets_at) == (1, 2, MONDAY + timedelta(days=7))


def test_fewer_pushes_from_the_middle_of_a_week_on() -> None:
    policies = [Policy(1, LONG_AGO, "calendar_week", 3), Policy(2, MONDAY + timedelta(days=2), "calendar_week", 1)]
    assert quota_at(policies, [MONDAY, MONDAY], MONDAY + timedelta(days=3)).remaining == 0


def test_the_later_of_two_policies_of_one_moment_holds() -> None:
    assert quota_at([Policy(2, LONG_AGO, "calendar_week", 5), ONCE_A_WEEK], [], MONDAY).remaining == 5


def test_seven_days_that_roll_look_back_and_ahead() -> None:
    rolling = [Policy(1, LONG_AGO, "rolling_7d", 1)]
    quota = quota_at(rolling, [MONDAY], MONDAY + timedelta(days=6))
    assert (quota.remaining, quota.resets_at) == (0, MONDAY + timedelta(days=7))
    assert quota_at(rolling, [MONDAY], MONDAY + timedelta(days=7)).remaining == 1
    assert quota_at(rolling, [MONDAY], MONDAY - timedelta(days=6)).remaining == 0
    assert quota_at(rolling, [], MONDAY).resets_at is None


def test_no_quota_has_no_moment_when_there_is_more() -> None:
    assert quota_at([Policy(1, LONG_AGO, "calendar_week", 0)], [], MONDAY).resets_at is None


@pytest.mark.parametrize("kind", ["calendar_week", "rolling_7d"])
def test_no_window_ever_holds_more_than_its_quota(kind: domain.Kind) -> None:
    rng = Random(24)
    for _ in range(200):
        policy, taken = Policy(1, LONG_AGO, kind, rng.randint(1, 4)), list[datetime]()
        for _ in range(30):
            moment = MONDAY + timedelta(hours=rng.randint(0, 24 * 30))
            if quota_at([policy], taken, moment).remaining:
                taken.append(moment)
        for end in taken:
            start = end - timedelta(days=7)
            held = [t for t in taken if (week_of(t) == week_of(end) if kind == "calendar_week" else start < t <= end)]
            assert len(held) <= policy.quota


@pytest.mark.parametrize(
    ("program", "kind"),
    [
        (None, "program_not_released"),
        (a_program("approved"), "program_not_released"),
        (a_program(admitted_only=True), "program_not_promotable"),
        (a_program(suspended_for="fraud_found"), "program_suspended"),
    ],
)
def test_only_what_was_audited_twice_is_promoted(program: Program | None, kind: str) -> None:
    refusal = why_not_promoted(program)
    assert refusal
    assert refusal.kind == kind
    assert why_not_promoted(a_program()) is None


def test_a_push_is_handed_in_once_and_not_for_the_past() -> None:
    quota = quota_at([ONCE_A_WEEK], [], MONDAY)
    kinds = [
        domain.why_not_reserve(a_push("sent"), quota, MONDAY, MONDAY),
        domain.why_not_reserve(a_push(), quota, MONDAY - timedelta(seconds=1), MONDAY),
        domain.why_not_reserve(a_push(), quota, MONDAY + timedelta(days=32), MONDAY),
        domain.why_not_reserve(a_push(), quota_at([ONCE_A_WEEK], [MONDAY], MONDAY), MONDAY, MONDAY),
    ]
    assert [each and each.kind for each in kinds] == ["wrong_state", "bad_send_at", "bad_send_at", "quota_exhausted"]
    assert kinds[-1]
    assert "2026-12-07T00:00:00+08:00" in kinds[-1].detail
    assert domain.why_not_reserve(a_push(), quota, MONDAY, MONDAY) is None


def test_what_is_sent_is_recalled_and_what_is_not_is_cancelled() -> None:
    assert not domain.why_not_ended(a_push("quota_reserved"), "cancel")
    assert domain.why_not_ended(a_push("sending"), "cancel")
    assert not domain.why_not_ended(a_push("sent"), "recall")
    assert domain.why_not_ended(a_push("draft"), "recall")


def test_a_push_begins_ends_or_is_cancelled_when_its_turn_comes() -> None:
    reserved = a_push("quota_reserved")
    assert domain.begun(reserved, a_program(), MONDAY).state == "sending"
    assert domain.begun(reserved, a_program(suspended_for="r"), MONDAY).state == "cancelled"
    assert domain.begun(a_push("sending"), None, MONDAY).state == "sending"
    sending = a_push("sending", reached="a", delivered=2)
    assert domain.after_chunk(sending, ["b", "c"], 2, a_program(), MONDAY)[9:11] == ("c", 4)
    assert domain.after_chunk(sending, [], 2, a_program(), MONDAY).state == "sent"
    assert domain.after_chunk(sending, ["b"], 2, a_program("approved"), MONDAY).state == "partial"
    assert domain.after_chunk(a_push("cancelled"), [], 2, None, MONDAY).state == "cancelled"


def test_places_are_those_of_pushes_that_hold_one() -> None:
    pushes = [a_push(state, counts_at=MONDAY) for state in ("draft", "quota_reserved", "recalled", "cancelled")]
    assert domain.by_account(pushes) == {"watsons": [MONDAY, MONDAY]}
