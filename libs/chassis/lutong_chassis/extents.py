"""What partitions hold, asked over a connection of its own: a consumer whose connection is broken does not know."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from aiokafka import AIOKafkaClient, TopicPartition
from aiokafka.client import CoordinationType
from aiokafka.errors import KafkaError
from aiokafka.protocol.offset import OffsetRequest

from lutong_chassis.progress import Extent

_READ_COMMITTED: Final = 1
_END: Final = -1
_BEGIN: Final = -2


class _Asked(NamedTuple):
    """A part of Kafka's OffsetRequest: the offset of a partition that is asked for, by its timestamp."""

    partition: int
    timestamp: int


async def extents(client: AIOKafkaClient, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Extent]:
    """First and next offset of each partition, for readers of committed records; without those that have no leader."""
    wanted = list(partitions)
    if not wanted:
        return {}
    await client.set_topics({partition.topic for partition in wanted})
    ends = await _offsets(client, wanted, _END)
    begins = await _offsets(client, ends, _BEGIN)
    return {partition: Extent(begins[partition], ends[partition]) for partition in begins}


async def coordinator_answers(client: AIOKafkaClient, group_id: str) -> bool:
    """Whether the group has a coordinator: without one, no member gets partitions, and no restart helps."""
    if client.get_random_node() is None:  # as of a moment in which the cluster counted no broker among its members
        return False
    try:
        await client.coordinator_lookup(CoordinationType.GROUP, group_id)
    except KafkaError:
        return False
    return True


async def _offsets(
    client: AIOKafkaClient, partitions: Iterable[TopicPartition], at: int
) -> Mapping[TopicPartition, int]:
    by_leader: dict[int, dict[str, list[_Asked]]] = defaultdict(lambda: defaultdict(list))
    for partition in partitions:
        leader = client.cluster.leader_for_partition(partition)
        if leader is not None and leader >= 0:
            by_leader[leader][partition.topic].append(_Asked(partition.partition, at))
    found: dict[TopicPartition, int] = {}
    for leader, topics in by_leader.items():
        try:
            answer = await client.send(leader, OffsetRequest(-1, _READ_COMMITTED, list(topics.items())))
        except KafkaError:  # nobody can read what is on a broker that is away
            continue
        for topic, offsets in answer.topics:
            found |= {TopicPartition(topic, number): offset for number, code, _, offset in offsets if not code}
    return found
