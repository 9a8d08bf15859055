"""A content system of another team publishes with lutong-client; its post gets a card like any other."""

from datetime import UTC, datetime

import pytest
from uuid_utils.compat import uuid7

from lutong_chassis.auth import Principal
from lutong_client import AsyncHttpTransport, AsyncPublisher, PublishError
from lutong_console.cli.commands.journey import journey_of
from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import Scenario
from lutong_console.subscriptions import handled_types
from lutong_console.targets import Suite
from lutong_contracts.cloudevents import Cause, Envelope, to_headers, to_structured
from lutong_contracts.feed import PostPublished
from lutong_local.stack import Stack
from tests.support.harness import RawRecord, feed, until
from tests.support.looks import collect, judged_by


async def test_a_post_from_another_system_gets_its_card_once(
    stack: Stack, target: Suite, scenarios: dict[str, Scenario]
) -> None:
    scenario = scenarios["a"]
    token = stack.signer.token(Principal("cms", "operator"))
    publisher = AsyncPublisher("/partner/cms", AsyncHttpTransport(target.urls, token))
    name = f"cms-{scenario.viewer}"
    post = PostPublished(post_id=name, author_id="zheliban", text="公积金新政策今天起施行")
    try:
        receipts = [await publisher.publish(post, id=name, correlation_id=name) for _ in range(2)]
        assert [receipt.status for receipt in receipts] == ["accepted", "duplicate"]
        await scenario.settled(f"/v1/posts/{name}", lambda found: found["card"]["state"] == "active")

        with pytest.raises(PublishError) as refused:
            await publisher.publish(post.model_copy(update={"author_id": "nobody"}), id=f"{name}-2")
        assert refused.value.receipt
        assert (refused.value.receipt.code, refused.value.receipt.pointer) == ("not_found", "/data")
    finally:
        await publisher.transport.close()


@pytest.mark.parametrize("structured", [False, True])
async def test_a_post_straight_to_kafka_exists_and_its_journey_shows_it(
    target: Suite, scenarios: dict[str, Scenario], structured: bool
) -> None:
    scenario, name = scenarios["a"], f"kafka-{uuid7().hex[-8:]}"
    post = PostPublished(post_id=name, author_id="zheliban", text="公积金新政策今天起施行")
    await feed(target.kafka.bootstrap, "lutong.feed.posts", [a_record(post, structured=structured)] * 2)
    await until(lambda: shows(scenario, name, "active"), "its card is active")

    async def steps() -> bool:
        found = await journey_of(scenario.client, target, name)
        return [(step.service, step.name, sorted(step.consumed_by)) for step in found] == [
            ("/partner/cms", "PostPublished", ["feed", "registry"]),
            ("registry", "ServiceDiscovered", ["feed"]),
        ]

    await until(steps, "the journey shows who published it and who consumed it")


async def test_a_post_of_an_unknown_author_is_refused_on_its_topic(
    target: Suite, scenarios: dict[str, Scenario]
) -> None:
    scenario, name = scenarios["a"], f"kafka-{uuid7().hex[-8:]}"
    post = PostPublished(post_id=name, author_id="nobody", text="公积金新政策今天起施行")
    await feed(target.kafka.bootstrap, "lutong.feed.posts", [a_record(post)])
    scenario.journey = name
    await scenario.until("PostRefused")
    [refused] = [step for step in scenario.seen if step.name == "PostRefused"]
    assert (refused.service, refused.key, refused.causation_id) == ("feed", name, name)
    assert not await shows(scenario, name, "active")


async def test_identities_hold_after_posts_of_others(target: Suite, scenarios: dict[str, Scenario]) -> None:
    async def covered() -> bool:
        found = judged_by("V2", await collect(target, handled_types()))
        return [each for each in found if "neither" in each.what] == []

    await ROADS[0].walk(scenarios["a"])
    await until(covered, "every event is taken in, set aside, or passed over by its own publisher")


def a_record(post: PostPublished, *, structured: bool = False) -> RawRecord:
    envelope = Envelope(post.key, "/partner/cms", post.type, datetime.now(UTC), post.key, None, Cause(post.key))
    data = post.model_dump_json().encode()
    if structured:
        return RawRecord(post.key, to_structured(envelope, data), [("content-type", b"application/cloudevents+json")])
    return RawRecord(post.key, data, [*to_headers(envelope)])


async def shows(scenario: Scenario, post_id: str, state: str) -> bool:
    answer = await scenario.client.get(f"{scenario.target.urls['feed']}/v1/posts/{post_id}")
    return answer.status_code == 200 and answer.json()["card"]["state"] == state
