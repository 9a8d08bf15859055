"""lutong topics: what the contracts declare, made true on the broker."""

import asyncio
from typing import Final

import typer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from lutong_chassis import topics as broker
from lutong_chassis.kafka import KafkaAccess
from lutong_console.cli.commands.drained import drained
from lutong_console.cli.errors import UNREACHABLE, ConsoleError
from lutong_console.cli.screen import echo, emit_json, out, table
from lutong_console.credentials import TOPICS_JOB
from lutong_console.targets import Json, StackName, kafka_as
from lutong_contracts import TOPICS

_RETENTION: Final = {topic.name: topic.retention for topic in TOPICS}

commands = typer.Typer(help="The topics of the contracts: list, apply, drained.", no_args_is_help=True)


@commands.command("list")
def list_topics(*, as_json: Json = False) -> None:
    """List the topics that the contracts declare."""
    headings = ["topic", "written by", "key", "partitions", "retention_days", "compacted", "min_insync_replicas"]
    rows = [
        (
            t.name,
            t.owner,
            t.key,
            t.partitions,
            None if t.compacted else t.retention.days,
            t.compacted,
            t.min_insync_replicas,
        )
        for t in TOPICS
    ]
    if as_json:
        emit_json([dict(zip(headings, row, strict=True)) for row in rows])
    else:
        out.print(table(headings, rows))


commands.command()(drained)


@commands.command()
def apply(stack: StackName = "default", *, replication_factor: int = 1, as_json: Json = False) -> None:
    """Create the topics that are missing. What exists is never changed; what keeps too little is named."""
    kafka = kafka_as(stack, TOPICS_JOB)
    try:
        created = asyncio.run(broker.apply(kafka, TOPICS, replication_factor=replication_factor))
        shorter, not_compacted = asyncio.run(_keeping_less(kafka))
    except KafkaError as error:
        raise ConsoleError(
            f"Kafka at {kafka.bootstrap} does not answer ({type(error).__name__})",
            then="lutong status",
            code=UNREACHABLE,
        ) from None
    if as_json:
        emit_json({"created": created, "kept_shorter_ms": shorter, "not_compacted": not_compacted})
    else:
        out.print(f"created {', '.join(created)}" if created else "all topics are there")
    for name, kept_ms in shorter.items():
        wanted_ms = int(_RETENTION[name].total_seconds() * 1000)
        echo(f"{name} is kept for {kept_ms} ms, the contracts want {wanted_ms}; as an administrator of Kafka:")
        echo(f"  kafka-configs.sh --alter --topic {name} --add-config retention.ms={wanted_ms}")
    for name in not_compacted:
        echo(
            f"{name} is not compacted: a consumer that is new will not know all of them; as an administrator of Kafka:"
        )
        echo(f"  kafka-configs.sh --alter --topic {name} --add-config cleanup.policy=compact")


async def _keeping_less(kafka: KafkaAccess) -> tuple[dict[str, int], list[str]]:
    """Topics kept for less time than the contracts want, and those that should be compacted and are not."""
    try:
        return await broker.kept_shorter(kafka, TOPICS), await broker.not_compacted(kafka, TOPICS)
    except TopicAuthorizationFailedError:  # the rules of the release before: `lutong acl apply` brings it
        echo("how long topics are kept cannot be looked at: lutong acl apply, or lutong doctor")
        return {}, []
