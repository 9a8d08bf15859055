from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lutong_console.cli.commands.journey import Step
from lutong_console.why import SENTENCES, Consumer, Evidence, Parked, sentence, why

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
TAPPED, FOUND, SOURCED = (
    "lutong.feed.card-tapped.v1",
    "lutong.registry.service-discovered.v1",
    "lutong.inventory.order-sourced.v1",
)


def a_step(
    kind: str = TAPPED, *, key: str = "viewer-1", consumed_by: tuple[str, ...] = (), published: bool = True
) -> Step:
    return Step(
        "event-1", kind, key, kind.split(".")[1], AT, None, dict.fromkeys(consumed_by, 5), published, "journey-1"
    )


BEHIND = Consumer(240, 31.0)


def test_what_one_service_took_over_http_is_missed_by_no_other() -> None:
    step = replace(a_step(consumed_by=("feed",)), service=f"ann~{'0f' * 16} /partner/cms")
    assert why([step], evidence()).kind == "ended"
    assert step.publisher == "ann /partner/cms"
    assert why([replace(step, service="/partner/cms")], evidence()).kind == "behind"  # on a topic, everybody gets it


def evidence(*parked: Parked, registry: Consumer | None = BEHIND) -> Evidence:
    return Evidence({"registry": frozenset({TAPPED})}, {"registry": registry}, parked)


def a_record(*, key: str = "viewer-1", event_id: str = "event-1", service: str = "registry") -> Parked:
    return Parked(service, 17, key, event_id, "handler_failed", "KeyError", AT + timedelta(minutes=1))


def test_an_event_that_is_not_published_is_the_reason() -> None:
    reason = why([a_step(published=False)], evidence())
    assert sentence(reason) == "feed wrote CardTapped at 2026-11-28 12:00:00Z, and has not published it yet."


def test_a_parked_event_is_named_with_its_error() -> None:
    reason = why([a_step()], evidence(a_record()))
    assert sentence(reason) == "registry set CardTapped aside at 2026-11-28 12:01:00Z: KeyError."


def test_an_event_behind_a_parked_one_names_that_record() -> None:
    reason = why([a_step()], evidence(a_record(event_id="event-0")))
    assert (reason.kind, reason.parked and reason.parked.id) == ("behind_parked", 17)


@pytest.mark.parametrize("other", [a_record(key="viewer-2", event_id="x"), a_record(service="feed")])
def test_a_record_of_another_key_or_service_explains_nothing(other: Parked) -> None:
    assert why([a_step()], evidence(other)).kind == "behind"


def test_a_consumer_that_is_behind_is_named_with_its_lag() -> None:
    text = sentence(why([a_step()], evidence()))
    assert text == "registry has not consumed CardTapped: 240 events are before it, the oldest 31 s old."


def test_a_service_that_is_silent_is_the_reason() -> None:
    assert why([a_step()], evidence(registry=None)).kind == "silent"


def test_a_post_is_not_waited_for_by_the_service_that_published_it() -> None:
    posted = a_step("lutong.feed.post-published.v1", consumed_by=("registry",))
    known = Evidence({"feed": frozenset({posted.type}), "registry": frozenset({posted.type})}, {"feed": None})
    assert why([posted], known).kind == "ended"


def test_a_post_of_others_is_waited_for_by_the_feed() -> None:
    posted = a_step("lutong.feed.post-published.v1", consumed_by=("registry",))
    by_others = replace(posted, service="crm", consumed_by={})
    known = Evidence({"feed": frozenset({posted.type})}, {"feed": None})
    assert why([by_others], known).service == "feed"


def test_an_order_that_staff_left_waits_for_the_store() -> None:
    reason = why([a_step(FOUND), a_step(SOURCED, key="order-1")], evidence())
    assert (reason.kind, reason.awaited) == ("waits_for", "store")


def test_an_order_that_went_on_waits_for_nobody() -> None:
    fulfilled = a_step("lutong.inventory.order-fulfilled.v1", key="order-1")
    assert why([a_step(SOURCED, key="order-1"), fulfilled], evidence()).kind == "ended"


def test_the_first_obstacle_on_the_way_is_the_reason() -> None:
    steps = [a_step(), a_step(FOUND, published=False)]
    assert why(steps, evidence()).step.type == TAPPED


def test_each_sentence_has_its_values() -> None:
    reason = why([a_step()], evidence(a_record()))
    for text in SENTENCES.values():
        assert "%(" not in sentence(reason, dict.fromkeys(SENTENCES.values(), text).__getitem__)
