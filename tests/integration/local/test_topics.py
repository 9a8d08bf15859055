"""Topics that exist already: what is kept for less than the contracts say is named, and left as it is."""

from dataclasses import replace
from datetime import timedelta

from uuid_utils.compat import uuid7

from lutong_chassis import topics
from lutong_chassis.kafka import KafkaAccess
from lutong_contracts.topics import POSTS
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
