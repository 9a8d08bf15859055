"""A consumer of the console is closed, whatever Kafka does while it starts."""

import asyncio
import gc
import warnings
from collections.abc import Awaitable, Callable

import pytest
from aiokafka import AIOKafkaConsumer

from lutong_chassis.kafka import KafkaAccess
from lutong_console.topic_consumer import reading
from tests.support.mute_kafka import a_kafka_that_never_answers


async def through_reading(kafka: KafkaAccess) -> None:
    async with reading(kafka, ["lutong.feed.posts"]):
        pytest.fail("nobody answered, and it reads")


async def by_hand(kafka: KafkaAccess) -> None:
    """The control: what is written when only the reading is inside `try`."""
    await AIOKafkaConsumer("lutong.feed.posts", **kafka.client).start()


async def left_open(start: Callable[[KafkaAccess], Awaitable[None]]) -> bool:
    """Whether a start that ran out of time leaves a consumer behind that nobody closed."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        async with a_kafka_that_never_answers() as kafka:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(start(kafka), 0.3)
        gc.collect()
    return any("Unclosed AIOKafkaConsumer" in str(each.message) for each in seen)


async def test_a_start_that_is_given_up_leaves_nothing_open() -> None:
    assert not await left_open(through_reading)


async def test_one_made_by_hand_stays_open_and_is_seen() -> None:
    assert await left_open(by_hand)
