"""Topics that exist already: what is kept for less than the contracts say is named, and left as it is."""

from dataclasses import replace
from datetime import timedelta

from uuid_utils.compat import uuid7

from lutong_chassis import topics
from lutong_chassis.kafka import KafkaAccess
from lutong_contracts.topics import MERCHANTS, POSTS
from tests.conftest import Infrastructure


async def test_a_topic_that_is_kept_too_short_is_named_and_not_changed(infrastructure: Infrastructure) -> None:
    kafka = KafkaAccess(infrastructure.kafka_bootstrap)
    before = replace(POSTS, name=f"lutong.feed.old-{uuid7().hex[-8:]}", retention=timedelta(days=7))
    now = replace(before, retention=timedelta(days=400))
    assert await topics.apply(kafka, [before]) == [before.name]
    for _ in range(2):
        assert await topics.apply(kafka, [now]) == []
        assert await topics.kept_shorter(kafka, [now]) == {before.name: 7 * 86_400_000}
    assert await topics.kept_shorter(kafka, [before]) == {}


async def test_a_topic_that_is_not_compacted_is_named_and_not_changed(infrastructure: Infrastructure) -> None:
    kafka = KafkaAccess(infrastructure.kafka_bootstrap)
    now = replace(MERCHANTS, name=f"lutong.registry.old-{uuid7().hex[-8:]}")
    other = replace(MERCHANTS, name=f"lutong.registry.new-{uuid7().hex[-8:]}")
    assert await topics.apply(kafka, [replace(now, compacted=False)]) == [now.name]
    for _ in range(2):
        await topics.apply(kafka, [now, other])
        assert await topics.not_compacted(kafka, [now, other]) == [now.name]
        assert await topics.kept_shorter(kafka, [now, other]) == {}
