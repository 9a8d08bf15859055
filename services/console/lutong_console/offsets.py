"""How far the services' groups have come, by the administration protocol of Kafka: no consumer is made, nothing is committed."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from logging import NullHandler, getLogger
from typing import Any, Final, NamedTuple

from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from lutong_chassis.kafka import MECHANISM, KafkaAccess

_TIMEOUT_S: Final = 4.0
_TopicPartition = tuple[str, int]
_silent: Final = getLogger("lutong_console.librdkafka")
_silent.addHandler(NullHandler())
_silent.propagate = False  # it repeats what raises anyway


class Progress(NamedTuple):
    """How far a group has come in one partition: the next offset to handle, and the ends of the log."""

    topic: str
    partition: int
    committed: int
    begin: int
    end: int

    @property
    def lag_events(self) -> int:
        """Offsets that are not handled yet; those that retention took are gone."""
        return max(0, self.end - max(self.committed, self.begin))


class Committed(NamedTuple):
    """A group's position in a partition, as aiokafka names it."""

    offset: int


def group_of(service: str) -> str:
    """The consumer group of a service."""
    return f"lutong-{service}"


Positions = Mapping[_TopicPartition, Committed]
"""How far a group is in each partition."""


def unread(ends: Mapping[_TopicPartition, int], committed: Positions) -> int:
    """How many offsets a group has not passed yet; a partition without a position was never read."""
    return sum(end - min(end, committed[p].offset if p in committed else 0) for p, end in ends.items())


def client_of(kafka: KafkaAccess) -> AdminClient:
    """A client that lives as long as its user; it connects when it is first asked, and again after an outage."""
    options: dict[str, str | int | float | bool] = {
        "bootstrap.servers": kafka.bootstrap,
        "security.protocol": kafka.protocol,
    }
    if kafka.protocol.startswith("SASL"):
        username, password = kafka.credentials
        options |= {"sasl.mechanism": MECHANISM, "sasl.username": username, "sasl.password": password}
    if kafka.ca_file:
        options["ssl.ca.location"] = str(kafka.ca_file)
    return AdminClient(options, logger=_silent)


def progress_of(client: AdminClient, services: Sequence[str]) -> dict[str, list[Progress]]:
    """By service, how far its group is in each partition that it consumes. Blocks; raises KafkaException.

    What is committed is asked before the ends of the log: a lag is never negative. Before both, whether Kafka answers at all:
    librdkafka ends the process when it asks a group's coordinator that does not (its issue 4605, open).
    """
    client.list_topics(timeout=_TIMEOUT_S)
    groups = {service: _committed(client, group_of(service)) for service in services}
    partitions = sorted({place for committed in groups.values() for place in committed})
    begins = _offsets(client, partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # its stub has no types
    ends = _offsets(client, partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]  # the same
    return {
        service: [Progress(*place, at, begins[place], ends[place]) for place, at in sorted(committed.items())]
        for service, committed in groups.items()
    }


def _committed(client: AdminClient, group: str) -> dict[_TopicPartition, int]:
    asked = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=_TIMEOUT_S)
    found = asked[group].result().topic_partitions or []
    return {(each.topic, each.partition): each.offset for each in found if each.offset >= 0}


def _offsets(client: AdminClient, places: Sequence[_TopicPartition], at: OffsetSpec) -> dict[_TopicPartition, int]:
    if not places:
        return {}
    asked: Mapping[TopicPartition, Future[Any]] = client.list_offsets(
        {TopicPartition(*place): at for place in places},
        isolation_level=IsolationLevel.READ_COMMITTED,
        request_timeout=_TIMEOUT_S,
    )
    return {(place.topic, place.partition): future.result().offset for place, future in asked.items()}
