"""The circuit breaker: a state machine that is told the time."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from lutong_membership.providers.breaker import Breaker

FRESH = Breaker(failures_max=3, pause_s=10)


def after(breaker: Breaker, *outcomes: bool, now_s: float = 0) -> Breaker:
    """The breaker once requests with these outcomes ran one after the other, as far as they were admitted."""
    for ok in outcomes:
        breaker, permit = breaker.admit(now_s)
        if permit is not None:
            breaker = breaker.settle(permit, ok=ok, now_s=now_s)
    return breaker


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ((), "closed"),
        ((False, False), "closed"),
        ((False, False, True, False, False), "closed"),
        ((False, False, False), "open"),
        ((False, False, False, True), "open"),  # the last one was not even admitted
    ],
)
def test_it_opens_after_failures_in_a_row(outcomes: tuple[bool, ...], state: str) -> None:
    assert after(FRESH, *outcomes).state == state


def test_while_open_one_is_admitted_after_the_pause() -> None:
    broken = after(FRESH, False, False, False)
    assert broken.admit(9.9)[1] is None
    trying, trial = broken.admit(10)
    assert (trying.state, trial is not None) == ("half_open", True)
    assert trying.admit(10.1)[1] is None


@pytest.mark.parametrize(("ok", "state"), [(True, "closed"), (False, "open")])
def test_the_trial_decides(ok: bool, state: str) -> None:
    trying, trial = after(FRESH, False, False, False).admit(10)
    assert trial is not None
    settled = trying.settle(trial, ok=ok, now_s=12)
    assert settled.state == state
    assert (settled.admit(21.9)[1] is None) is not ok


def test_a_trial_without_an_outcome_is_followed_by_another() -> None:
    trying, first = after(FRESH, False, False, False).admit(10)
    again, second = trying.admit(20)
    assert second is not None
    assert second != first
    assert first is not None
    assert again.settle(first, ok=True, now_s=21) == again  # too late: it is not the trial any more


def test_outcomes_from_before_it_opened_do_not_count() -> None:
    breaker, early = FRESH.admit(0)
    assert early is not None
    broken = after(breaker, False, False, False)
    assert broken.settle(early, ok=True, now_s=5) == broken
    assert broken.settle(early, ok=False, now_s=5) == broken


def test_negative_control_without_epochs_a_late_success_would_close_it() -> None:
    broken = after(FRESH, False, False, False)
    assert broken.settle(broken.epoch, ok=True, now_s=5).state == "closed"


class Provider(RuleBasedStateMachine):
    """Requests that overlap, on a clock that only goes forward."""

    permits: Bundle[int] = Bundle("permits")

    @initialize()
    def begin(self) -> None:
        self.breaker, self.now_s = FRESH, 0.0
        self.opened_at_s: float | None = None
        self.trials: list[float] = []

    @rule(seconds=st.floats(0, 15))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(target=permits)
    def ask(self) -> int | MultipleResults[int]:
        was_closed = self.breaker.state == "closed"
        self.breaker, permit = self.breaker.admit(self.now_s)
        if permit is None:
            return multiple()
        if not was_closed:
            assert self.opened_at_s is not None
            assert self.now_s >= self.opened_at_s + FRESH.pause_s
            assert not self.trials or self.now_s >= self.trials[-1] + FRESH.pause_s
            self.trials.append(self.now_s)
        return permit

    @rule(permit=consumes(permits), ok=st.booleans())
    def record(self, permit: int, ok: bool) -> None:
        before = self.breaker
        self.breaker = before.settle(permit, ok=ok, now_s=self.now_s)
        if permit != before.epoch:
            assert self.breaker == before
        if self.breaker.state == "open" and self.breaker.epoch != before.epoch:
            self.opened_at_s, self.trials = self.now_s, []

    @invariant()
    def closed_means_that_fewer_than_the_most_failed_in_a_row(self) -> None:
        assert 0 <= self.breaker.failures < FRESH.failures_max
        assert self.breaker.state == "closed" or self.breaker.failures == 0


TestProvider = Provider.TestCase
TestProvider.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
