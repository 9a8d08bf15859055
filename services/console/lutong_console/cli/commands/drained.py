"""lutong topics drained: whether anything of a topic is still to be published or to be read."""

import asyncio
from typing import Annotated, NamedTuple

import asyncpg
import typer
from aiokafka import TopicPartition

from lutong_chassis.topics import admin, committed
from lutong_console.cli.errors import PROBLEM, USAGE, ConsoleError
from lutong_console.cli.screen import emit_json, out, table
from lutong_console.offsets import group_of, unread
from lutong_console.subscriptions import consumed_topics
from lutong_console.targets import Json, StackName, Suite, suite
from lutong_console.topic_consumer import reading
from lutong_contracts import TOPICS


class Left(NamedTuple):
    """What a service has still to do with a topic: events to publish, or to read."""

    service: str
    what: str
    events: int


def drained(
    topic: Annotated[str, typer.Argument(help="The topic that is to move: lutong topics list")],
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:
    """Report whether everything of a topic is published and read by every service. Exit code 1 while it is not.

    Its publishers must be stopped: otherwise it is drained for a moment only.
    """
    if topic not in {each.name for each in TOPICS}:
        raise ConsoleError(f"there is no topic {topic}", then="lutong topics list", code=USAGE)
    left = asyncio.run(_left(suite(stack), topic))
    if as_json:
        emit_json([each._asdict() for each in left])
    elif left:
        out.print(table(["service", "what is left", "events"], left))
    else:
        out.print(f"{topic} is drained")
    if left:
        raise typer.Exit(PROBLEM)


async def _left(target: Suite, topic: str) -> list[Left]:
    owner = topic.split(".")[1]
    pending = await _pending(target.database_urls[owner], topic)
    ends = await _ends(target, topic)
    async with admin(target.kafka) as client:
        reading = [
            Left(service, "to read", behind)
            for service, topics in sorted(consumed_topics().items())
            if topic in topics and (behind := unread(ends, await committed(client, group_of(service))))
        ]
    return ([Left(owner, "to publish", pending)] if pending else []) + reading


async def _pending(url: str, topic: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        count: int = await connection.fetchval(
            "SELECT count(*) FROM pending JOIN outbox USING (written_at, id) WHERE topic = $1", topic
        )
        return count
    finally:
        await connection.close()


async def _ends(target: Suite, topic: str) -> dict[TopicPartition, int]:
    """The end of each partition that anything was ever written to."""
    async with reading(target.kafka, [topic]) as consumer:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(list(consumer.assignment()))
        return {partition: end for partition, end in ends.items() if end}
