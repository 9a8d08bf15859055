"""What is wrong with Kafka: topics that promise less than their contracts, and groups that retention passed."""

from collections.abc import Iterator, Mapping

from aiokafka import TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from lutong_chassis.kafka import KafkaAccess
from lutong_chassis.topics import admin, committed
from lutong_console.container_checks import judge_brokers
from lutong_console.findings import Finding
from lutong_console.offsets import group_of
from lutong_console.targets import Suite
from lutong_console.topic_consumer import reading
from lutong_contracts import TOPICS, Topic
from lutong_contracts.sentences import counted


async def topics(kafka: KafkaAccess, asked: int | None = None) -> list[Finding]:
    """Topics that are missing, or promise less than their contracts; a broker that makes topics up.

    `asked` is how many brokers a deployment was given; without it, as many as there are will do.
    """
    async with admin(kafka) as client:
        described = {found["topic"]: found["partitions"] for found in await client.describe_topics()}
        present = [topic for topic in TOPICS if topic.name in described]
        brokers = [str(broker["node_id"]) for broker in (await client.describe_cluster())["brokers"]]
        answers = await client.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in present]
            + [ConfigResource(ConfigResourceType.BROKER, broker) for broker in brokers]
        )
    settings = {r[3]: {entry[0]: entry[1] for entry in r[4]} for answer in answers for r in answer.resources}
    findings = [Finding(f"topic {t.name} is missing", "lutong topics apply") for t in TOPICS if t not in present]
    for topic in present:
        partitions = described[topic.name]
        copies = min(len(partition["replicas"]) for partition in partitions)
        findings += judge_topic(topic, settings[topic.name], len(partitions), copies)
    of_each = {topic.name: described[topic.name] for topic in present}
    replicas = {name: min(len(each["replicas"]) for each in partitions) for name, partitions in of_each.items()}
    in_sync = {name: min(len(each["isr"]) for each in partitions) for name, partitions in of_each.items()}
    findings += judge_brokers(asked or 1, len(brokers), replicas, in_sync)
    for broker in brokers:
        if settings[broker].get("auto.create.topics.enable") == "true":
            what = f"broker {broker} creates topics that nobody declared: a typing error becomes a topic"
            findings.append(Finding(what, "set auto.create.topics.enable=false"))
    return findings


def judge_topic(topic: Topic, settings: Mapping[str, str], partitions: int, replicas: int) -> Iterator[Finding]:
    """Where a topic promises less than its contract: `settings` as the broker describes them, all as text."""
    alter = f"kafka-configs.sh --alter --topic {topic.name} --add-config"
    yield from _judge_keeping(topic, settings, alter)
    if int(settings["max.message.bytes"]) < topic.max_message_bytes:
        what = f"{topic.name} refuses events that the outbox lets pass: the relay would be stuck"
        yield Finding(what, f"{alter} max.message.bytes={topic.max_message_bytes}")
    in_sync = min(topic.min_insync_replicas, replicas)
    if int(settings["min.insync.replicas"]) < in_sync:
        what = f"{topic.name} acknowledges what a single broker may lose"
        yield Finding(what, f"{alter} min.insync.replicas={in_sync}")
    if settings["unclean.leader.election.enable"] == "true":
        what = f"{topic.name} lets a broker lead that missed events"
        yield Finding(what, f"{alter} unclean.leader.election.enable=false")
    if partitions != topic.partitions:
        what = f"{topic.name} has {partitions} partitions, the contracts want {topic.partitions}"
        yield Finding(what, "never add partitions to a keyed topic: order breaks; see docs/reliability.md")


def _judge_keeping(topic: Topic, settings: Mapping[str, str], alter: str) -> Iterator[Finding]:
    """Where a topic keeps less than its contract: for less long, or not the last event of each key."""
    kept_ms, wanted_ms = int(settings["retention.ms"]), int(topic.settings["retention.ms"])
    if 0 <= kept_ms < wanted_ms:
        yield Finding(
            f"{topic.name} keeps {kept_ms} ms, the contracts want {wanted_ms}", f"{alter} retention.ms={wanted_ms}"
        )
    policy, wanted = settings["cleanup.policy"], topic.settings["cleanup.policy"]
    if policy == wanted:
        return
    what = f"{topic.name} is compacted: events that share a key disappear"
    then = f"{alter} cleanup.policy={wanted}"
    if topic.compacted:
        what = f"{topic.name} is not compacted ({policy}): a consumer that is new will not know all of them"
        then += "; then: lutong publish-entities"
    yield Finding(what, then)


async def offsets(target: Suite) -> list[Finding]:
    """A group whose next record is gone: retention passed it, and events were missed."""
    findings = []
    async with reading(target.kafka, [topic.name for topic in TOPICS]) as consumer:
        earliest: dict[TopicPartition, int] = await consumer.beginning_offsets(list(consumer.assignment()))
    async with admin(target.kafka) as client:
        for service in target.urls:
            reached = await committed(client, group_of(service))
            subscribed = {partition.topic for partition in reached}
            begun = {partition: at.offset for partition, at in reached.items()}
            passed = [p for p, first in earliest.items() if p.topic in subscribed and begun.get(p, 0) < first]
            if passed:
                then = "lutong republish --since 7d --reason 'retention passed a consumer'"
                findings.append(
                    Finding(
                        f"{service} missed events: retention passed it in {counted(len(passed), 'partition')}", then
                    )
                )
    return findings
