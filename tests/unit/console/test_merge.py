"""Records of several partitions come in order of time, and only as many are kept as one fetch gives."""

from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition

from lutong_console.merge import Merge

POSTS, ORDERS = TopicPartition("posts", 0), TopicPartition("orders", 0)


def a_record(partition: TopicPartition, offset: int, at_ms: int) -> Any:  # noqa: ANN401  # as aiokafka gives it
    return SimpleNamespace(topic=partition.topic, partition=partition.partition, offset=offset, timestamp=at_ms)


def times(merge: Merge) -> list[int]:
    return [record.timestamp for record in merge.ready()]


def a_merge(**ends: int) -> Merge:
    partitions = {TopicPartition(topic, 0): end for topic, end in ends.items()}
    return Merge(partitions, dict.fromkeys(partitions, 0))


def test_an_effect_comes_after_its_cause() -> None:
    merge = a_merge(orders=2, posts=2)
    merge.take(ORDERS, [a_record(ORDERS, 0, 20), a_record(ORDERS, 1, 40)], 2)
    merge.take(POSTS, [a_record(POSTS, 0, 10), a_record(POSTS, 1, 30)], 2)
    assert times(merge) == [10, 20, 30, 40]


def test_nothing_is_given_while_an_earlier_one_may_come() -> None:
    merge = a_merge(orders=1, posts=1)
    merge.take(ORDERS, [a_record(ORDERS, 0, 20)], 1)
    assert (times(merge), merge.hungry) == ([], [POSTS])
    merge.take(POSTS, [a_record(POSTS, 0, 10)], 1)
    assert times(merge) == [10, 20]


def test_only_what_has_run_out_is_read_again() -> None:
    merge = a_merge(orders=3, posts=3)
    merge.take(ORDERS, [a_record(ORDERS, 0, 10)], 1)
    merge.take(POSTS, [a_record(POSTS, 0, 20), a_record(POSTS, 1, 30)], 2)
    assert (times(merge), merge.hungry) == ([10], [ORDERS])


def test_what_comes_after_the_end_is_not_wanted() -> None:
    merge = a_merge(orders=1)
    merge.take(ORDERS, [a_record(ORDERS, 0, 10), a_record(ORDERS, 1, 20)], 2)
    assert (times(merge), merge.hungry) == ([10], [])


def test_a_transaction_marker_at_the_end_is_no_record_to_wait_for() -> None:
    merge = a_merge(orders=2)
    merge.take(ORDERS, [a_record(ORDERS, 0, 10)], 2)
    assert (times(merge), merge.hungry) == ([10], [])


def test_a_partition_keeps_its_own_order() -> None:
    merge = a_merge(orders=2, posts=1)
    merge.take(ORDERS, [a_record(ORDERS, 0, 30), a_record(ORDERS, 1, 10)], 2)
    merge.take(POSTS, [a_record(POSTS, 0, 20)], 1)
    assert times(merge) == [20, 30, 10]


def test_nothing_there_ends_at_once() -> None:
    assert (times(a_merge(orders=0)), a_merge(orders=0).hungry) == ([], [])
