"""lutong publish-entities: merchants, accounts, follows and what else there is by now, published once more as they are."""

import asyncio
from typing import Annotated

import typer

from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.cli.screen import emit_json, out, table
from lutong_console.targets import Json, StackName, call, suite
from lutong_contracts import Topic
from lutong_contracts.topics import REPUBLISHED


def publish_entities(
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit table.")],
    stack: StackName = "default",
    topic: Annotated[
        list[str] | None, typer.Option("--topic", help="Only these, such as merchants; all when none is named.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Fill topics of entities of a suite that is older than they are. Who knows an entity already is not disturbed."""
    counts = asyncio.run(publish(stack, reason, _named(topic or [])))
    if as_json:
        emit_json(counts)
    else:
        out.print(table(["topic", "entities"], counts.items()))


def _named(names: list[str]) -> list[Topic]:
    """Topics of entities by the last part of their names, or their whole names."""
    there = list(REPUBLISHED)
    known = {name: topic for topic in there for name in (topic.name, topic.name.rpartition(".")[2])}
    unknown = sorted(set(names) - known.keys())
    if unknown:
        what = ", ".join(topic.name.rpartition(".")[2] for topic in there)
        raise ConsoleError(f"there is no topic of entities {unknown[0]!r}: there are {what}", code=USAGE)
    return [known[name] for name in dict.fromkeys(names)] or there


async def publish(stack: str, reason: str, topics: list[Topic]) -> dict[str, int]:
    """Publish the entities of some topics again, page by page; gives how many of each."""
    target = suite(stack)
    counts: dict[str, int] = {}
    async with target.client(60) as client:
        for topic in topics:
            counts[topic.name] = 0
            after: str | None = ""
            while after is not None:
                body = {"reason": reason, "topic": topic.name, "after": after}
                page = await call(client, "POST", f"{target.urls[topic.owner]}/operations/entities", json=body)
                counts[topic.name] += page["published"]
                after = page["after"]
    return counts
