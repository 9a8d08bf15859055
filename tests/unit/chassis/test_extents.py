"""What is asked of a cluster that names no broker."""

from aiokafka.client import AIOKafkaClient

from lutong_chassis.extents import coordinator_answers


async def test_a_cluster_that_names_no_broker_has_no_coordinator() -> None:
    client = AIOKafkaClient()
    assert not client.cluster.brokers()
    assert not await coordinator_answers(client, "lutong-feed")
