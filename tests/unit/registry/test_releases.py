"""From review to everybody: audits, withdrawals, gray and forced offline, as rules without a database."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts import Event
from lutong_contracts.gray import STEPS, Audience, widens
from lutong_contracts.registry import (
    VersionForcedOffline,
    VersionGrayed,
    VersionGrayStopped,
    VersionRolledBack,
    VersionSubmitted,
    VersionWithdrawn,
)
from lutong_registry.programs import domain as programs
from lutong_registry.programs.domain import Change, Program, Refusal
from lutong_registry.releases import domain
from lutong_registry.releases.domain import Wanted, rest
from tests.unit.registry.test_programs import a_program, a_version, after, kind

NOON = datetime(2026, 3, 31, 4, tzinfo=UTC)  # 12:00 in Shanghai
PLENTY = rest([], NOON)
GRAY = Audience(salt="s-1", percent=10)


def in_gray(percent: int = 10) -> Program:
    audience = GRAY.model_copy(update={"percent": percent})
    return a_program(
        a_version(1, "superseded"),
        a_version(2, "superseded"),
        a_version(3, "released"),
        replace(a_version(4, "gray"), audience=audience, stage=1),
    )


def states(program: Program) -> list[str]:
    return [version.state for version in program.versions]


def events(change: Change | Refusal) -> tuple[Event, ...]:
    assert isinstance(change, Change), change
    return change.events


def test_a_version_goes_through_gray_step_by_step_and_is_released() -> None:
    program = a_program(a_version(1, "released"), a_version(2, "approved"))
    for stage, percent in enumerate(STEPS, 1):
        change = domain.gray(program, 2, Wanted(percent), f"salt-{percent}")
        (grayed,) = events(change)
        assert isinstance(grayed, VersionGrayed)
        assert (grayed.control_version, grayed.audience) == (1, Audience(salt="salt-10", percent=percent))
        program = after(program, change)
        assert program.versions[1].stage == stage
    program = after(program, programs.release(program, 2))
    assert states(program) == ["superseded", "released"]
    assert program.versions[1].audience is None


@pytest.mark.parametrize(
    ("at", "wanted", "refused_for"),
    [
        (10, Wanted(50), "wrong_step"),
        (30, Wanted(10), "wrong_step"),
        (50, Wanted(30), "wrong_step"),
        (10, Wanted(10), "no_change"),
        (10, Wanted(30, regions=("浙江",)), "narrower"),
        (10, Wanted(10, devices=("ios",)), "narrower"),
    ],
)
def test_a_step_that_is_skipped_or_narrower_is_refused(at: int, wanted: Wanted, refused_for: str) -> None:
    assert kind(domain.gray(in_gray(at), 4, wanted, "s-2")) == refused_for


def test_the_first_version_and_the_first_step_are_as_they_must_be() -> None:
    assert kind(domain.gray(a_program(a_version(1, "approved")), 1, Wanted(10), "s")) == "nothing_to_compare"
    ready = a_program(a_version(1, "released"), a_version(2, "approved"))
    assert kind(domain.gray(ready, 2, Wanted(30), "s")) == "wrong_step"
    assert kind(domain.gray(a_program(a_version(1, "released"), a_version(2)), 2, Wanted(10), "s")) == "wrong_state"


def test_a_list_that_is_not_mentioned_stays_as_it_was() -> None:
    program = a_program(a_version(1, "released"), a_version(2, "approved"))
    program = after(program, domain.gray(program, 2, Wanted(10, ("bo", "amy", "bo"), ("浙江",)), "s"))
    program = after(program, domain.gray(program, 2, Wanted(30, regions=()), "t"))
    assert program.versions[1].audience == Audience(salt="s", percent=30, viewers=("amy", "bo"))


def test_a_version_in_gray_goes_back_to_its_control() -> None:
    change = domain.take_back(in_gray(), 4, None, "merchant", "wrong_prices")
    (stopped,) = events(change)
    assert isinstance(stopped, VersionGrayStopped)
    assert (stopped.control_version, stopped.by, stopped.reason) == (3, "merchant", "wrong_prices")
    program = after(in_gray(), change)
    assert states(program) == ["superseded", "superseded", "released", "rolled_back"]
    assert program.versions[3].ended_for == "wrong_prices"
    assert kind(domain.stop(program, "operator", "again")) == "not_in_gray"


def test_rolling_back_goes_any_number_of_steps_and_never_forward() -> None:
    program = replace(in_gray(), versions=in_gray().versions[:3])
    change = domain.take_back(program, 3, 1, "merchant", "wrong_prices")
    (back,) = events(change)
    assert isinstance(back, VersionRolledBack)
    assert (back.withdrawn_version, back.version) == (3, 1)
    assert states(after(program, change)) == ["released", "rolled_back", "rolled_back"]
    assert kind(domain.take_back(program, 3, 4, "merchant", "because")) == "not_superseded"
    assert kind(domain.take_back(after(program, change), 1, 2, "merchant", "because")) == "nothing_to_roll_back_to"


def test_a_version_in_gray_stops_with_its_control() -> None:
    for change in (
        domain.take_back(in_gray(), 3, None, "merchant", "wrong_prices"),
        domain.force_offline(in_gray(), 3, "false_promises"),
    ):
        stopped, _ = events(change)
        assert isinstance(stopped, VersionGrayStopped)
        assert (stopped.by, stopped.reason) == ("control", "control_taken_back")
        assert after(in_gray(), change).in_flight is None


def test_forced_offline_leaves_no_version_and_no_way_back() -> None:
    program = after(in_gray(), domain.force_offline(in_gray(), 2, "false_promises"))
    assert states(program) == ["superseded", "forced_offline", "released", "gray"]
    change = domain.force_offline(program, 3, "false_promises")
    assert isinstance(events(change)[-1], VersionForcedOffline)
    program = after(program, change)
    assert program.released is None
    assert kind(programs.release(program, 3)) == "wrong_state"
    assert kind(domain.force_offline(program, 3, "again")) == "wrong_state"


def test_forced_offline_of_a_version_in_gray_keeps_its_control() -> None:
    change = domain.force_offline(in_gray(), 4, "false_promises")
    assert [type(event) for event in events(change)] == [VersionForcedOffline]
    assert states(after(in_gray(), change)) == ["superseded", "superseded", "released", "forced_offline"]


def test_one_audit_admits_and_the_second_promotes_even_later() -> None:
    program = a_program(a_version(1))
    program = after(program, domain.admit(program, 1))
    assert program.versions[0].admitted_only
    program = after(program, programs.release(program, 1))
    assert (program.versions[0].state, program.versions[0].admitted_only) == ("released", True)
    program = after(program, programs.approve(program, 1))
    assert (program.versions[0].state, program.versions[0].admitted_only) == ("released", False)
    assert kind(programs.approve(program, 1)) == "wrong_state"


def test_a_withdrawn_version_comes_back_as_it_is() -> None:
    program = a_program(a_version(1))
    change = domain.withdraw(program, 1, PLENTY)
    assert [type(event) for event in events(change)] == [VersionWithdrawn]
    program = after(program, change)
    again = domain.resubmit(program, 1)
    assert [type(event) for event in events(again)] == [VersionSubmitted]
    assert states(after(program, again)) == ["submitted"]
    newer = after(program, programs.submit(program, a_version(2)))
    assert kind(domain.resubmit(newer, 1)) == "version_not_newer"
    assert kind(domain.withdraw(a_program(a_version(1, "released")), 1, PLENTY)) == "wrong_state"


def test_withdrawals_end_with_the_day_and_with_the_month() -> None:
    today = [NOON - timedelta(minutes=n) for n in range(5)]
    left = rest(today, NOON)
    assert (left.day.left, left.month.left) == (0, 5)
    assert left.day.resets_at.isoformat() == "2026-04-01T00:00:00+08:00"
    assert kind(domain.withdraw(a_program(a_version(1)), 1, left)) == "no_withdrawal_left"
    month = rest([NOON - timedelta(days=n, hours=13) for n in range(10)], NOON)
    assert (month.day.left, month.month.left, month.month.resets_at.month) == (5, 0, 4)
    assert kind(domain.withdraw(a_program(a_version(1)), 1, month)) == "no_withdrawal_left"


def test_a_day_begins_at_midnight_in_shanghai() -> None:
    midnight = datetime(2026, 3, 30, 16, tzinfo=UTC)
    assert rest([midnight - timedelta(seconds=1)], NOON).day.used == 0
    assert rest([midnight], NOON).day.used == 1


ACTIONS = (
    "submit", "admit", "approve", "reject", "withdraw", "resubmit", "gray", "release", "take_back", "force_offline",
)  # fmt: skip


@given(st.integers(0, 2**32))
def test_whatever_is_asked_the_life_of_versions_keeps_its_rules(seed: int) -> None:
    live(seed)


def live(seed: int, steps: int = 60) -> None:
    """A life of so many commands, most of them good ones of the newest versions, in which every rule holds after each."""
    program, forbidden, chance = a_program(), set[int](), Random(seed)
    for _ in range(steps):
        newest = max((version.number for version in program.versions), default=0)
        (action,) = chance.choices(ACTIONS, weights=(4, 2, 6, 1, 1, 2, 12, 6, 2, 1))
        number = newest + 1 if action == "submit" else max(1, newest - chance.choice((0, 0, 0, 0, 1, 2)))
        before, percent = program, chance.choice(STEPS)
        decision = decide(program, action, number, percent)
        if isinstance(decision, Refusal):
            continue
        assert decision.events
        program = after(program, decision)
        forbidden |= {version.number for version in program.versions if version.state == "forced_offline"}
        holds(before, program, forbidden)


def anything(*_: object) -> None:
    """No objection to whatever it is."""


def unbridled(program: Program, number: int, _: str) -> object:
    return program.version(number) or Refusal("unknown_version", "none")


def without_gray(_: Program, change: Change) -> Change:
    return change


def forgetful(_: object, wanted: Wanted, salt: str) -> Audience:
    return Audience(salt=salt, percent=wanted.percent)


BUGS: dict[str, dict[str, object]] = {
    "a step is skipped or taken back": {"releases._misstep": anything},
    "a version stays in gray without its control": {"releases._without_gray": without_gray},
    "a list or a salt is forgotten": {"releases._audience": forgetful, "releases._misstep": anything},
    "two versions are in flight": {"programs.blocked": anything},
    "any state becomes any other": {"releases.ready": unbridled},
}


@pytest.mark.parametrize("bug", BUGS)
def test_each_planted_bug_breaks_a_rule(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, broken in BUGS[bug].items():
        monkeypatch.setattr(f"lutong_registry.{place.replace('.', '.domain.')}", broken)
    with pytest.raises(AssertionError):
        deque(map(live, range(200)), maxlen=0)


def holds(before: Program, program: Program, forbidden: set[int]) -> None:
    """R1: one in flight, one released. R2: numbers grow. R3: who is in gray stays in. What is forbidden stays so."""
    alive = states(program)
    assert alive.count("released") <= 1
    assert sum(state in programs.IN_FLIGHT for state in alive) <= 1
    assert [version.number for version in program.versions] == sorted({v.number for v in program.versions})
    for version in program.versions:
        assert (version.audience is not None) == (version.state == "gray")
        known = before.version(version.number)
        if known and known.audience and version.audience:
            assert widens(known.audience, version.audience)
        assert (version.number in forbidden) == (version.state == "forced_offline")
        assert version.state != "gray" or program.released is not None
        if known is not None:
            assert (known.title, known.page, known.offers) == (version.title, version.page, version.offers)


def decide(program: Program, action: str, number: int, percent: int) -> Change | Refusal:
    decisions: dict[str, Callable[[], Change | Refusal]] = {
        "submit": lambda: programs.submit(program, a_version(number)),
        "admit": lambda: domain.admit(program, number),
        "approve": lambda: programs.approve(program, number),
        "reject": lambda: programs.reject(program, number, "because"),
        "withdraw": lambda: domain.withdraw(program, number, PLENTY),
        "resubmit": lambda: domain.resubmit(program, number),
        "gray": lambda: domain.gray(program, number, Wanted(percent), f"salt-{percent}"),
        "release": lambda: programs.release(program, number),
        "take_back": lambda: domain.take_back(program, number, percent % 3 or None, "merchant", "because"),
        "force_offline": lambda: domain.force_offline(program, number, "because"),
    }
    return decisions[action]()
