from lutong_console.offsets import Progress
from lutong_console.pipeline import Sample, Window, drain_s, judge


def a_sample(at_s: float, *, lag: int = 0, position: int = 100, stuck_s: float = 0, lag_age_s: float = 0) -> Sample:
    progress = (Progress("lutong.feed.posts", 0, position, 0, position + lag),)
    return Sample(at_s, 0, 0.0, lag_age_s, 0, 0, 0, 0.0, stuck_s, progress)


def test_a_consumer_that_keeps_up_is_ok() -> None:
    assert judge([a_sample(at_s, position=100 + at_s) for at_s in range(10)]) == "OK"


def test_lag_that_grows_with_every_sample_is_a_warning() -> None:
    assert judge([a_sample(at_s, lag=at_s * 10, position=100 + at_s) for at_s in range(10)]) == "WARN"


def test_lag_that_grows_and_shrinks_is_no_warning() -> None:
    lags = [1, 5, 9, 4, 6]
    assert judge([a_sample(at, lag=lag, position=100 + at) for at, lag in enumerate(lags)]) == "OK"


def test_lag_without_progress_is_a_stall() -> None:
    assert judge([a_sample(at_s, lag=7) for at_s in range(10)]) == "STALL"


def test_no_progress_without_lag_is_ok() -> None:
    assert judge([a_sample(at_s) for at_s in range(10)]) == "OK"


def test_no_progress_for_a_moment_is_no_stall_yet() -> None:
    assert judge([a_sample(at_s, lag=7) for at_s in range(3)]) == "OK"


def test_a_batch_that_is_tried_again_is_a_stall_at_once() -> None:
    assert judge([a_sample(0, stuck_s=1.5)]) == "STALL"


def test_a_group_that_went_back_is_a_rewind() -> None:
    assert judge([a_sample(0, position=100), a_sample(2, position=40, lag=60)]) == "REWIND"


def test_a_silent_service_has_stopped() -> None:
    window = Window()
    window.add({"feed": a_sample(0), "registry": None})
    assert {strip.service: strip.verdict for strip in window.strips} == {"feed": "OK", "registry": "STOP"}


def test_the_oldest_wait_is_the_narrowest_place() -> None:
    window = Window()
    window.add({"feed": a_sample(0, lag_age_s=6), "registry": a_sample(0, lag_age_s=90), "membership": a_sample(0)})
    assert [strip.service for strip in window.strips if strip.is_narrow] == ["registry"]


def test_nothing_is_narrow_while_nothing_waits() -> None:
    window = Window()
    window.add({"feed": a_sample(0), "registry": a_sample(0)})
    assert not any(strip.is_narrow for strip in window.strips)


def test_the_drain_time_follows_from_the_rate_of_the_window() -> None:
    assert drain_s([a_sample(0, lag=300, position=0), a_sample(10, lag=200, position=200)]) == 20


def test_a_growing_lag_has_no_drain_time() -> None:
    assert drain_s([a_sample(0, lag=100), a_sample(10, lag=200)]) is None


def test_records_that_retention_took_are_no_lag() -> None:
    assert Progress("lutong.feed.posts", 0, committed=5, begin=90, end=100).lag_events == 10


def test_an_end_read_before_the_commit_gives_no_negative_lag() -> None:
    assert Progress("lutong.feed.posts", 0, committed=101, begin=0, end=100).lag_events == 0
