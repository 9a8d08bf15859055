"""lutong resume: after a restore, let services publish and consume again."""

import asyncio
from typing import Annotated

import typer

from lutong_console.cli import given
from lutong_console.cli.commands.entities import publish
from lutong_console.cli.screen import emit_json, out, table
from lutong_console.targets import Json, StackName, call, suite
from lutong_contracts import TOPICS


def resume(
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit table.")],
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:
    """Let services that were restored publish and consume again: first what was published is carried again, then what falls due.

    Entities are published once more, because a compacted topic keeps what an outbox has forgotten.
    """
    since, entities = asyncio.run(_resume(stack, reason))
    if as_json:
        emit_json({"was_quiet_since": since, "entities": entities})
        return
    out.print(table(["service", "was quiet since"], [(name, at or "it was not quiet") for name, at in since.items()]))
    out.print(f"{sum(entities.values())} entities are published again")
    out.print(given.here("next: lutong verify"), style="dim")


async def _resume(stack: str, reason: str) -> tuple[dict[str, str | None], dict[str, int]]:
    target = suite(stack)
    since: dict[str, str | None] = {}
    async with target.client(60) as client:
        for name, url in target.urls.items():
            answer = await call(client, "POST", f"{url}/operations/resumption", json={"reason": reason})
            since[name] = answer["was_quiet_since"]
    if not any(since.values()):
        return since, {}
    return since, await publish(stack, reason, [topic for topic in TOPICS if topic.compacted])
