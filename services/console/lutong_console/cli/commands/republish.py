"""lutong republish: what a broker lost, from the outboxes that still have it."""

import asyncio
from typing import Annotated

import typer

from lutong_console.cli.commands.tail import moment
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.cli.screen import emit_json, out, table
from lutong_console.targets import Json, StackName, call, suite


def republish(
    since: Annotated[str, typer.Option("--since", help="How far back: 10m, 2h, 3d.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit table.")],
    stack: StackName = "default",
    service: Annotated[list[str] | None, typer.Option("--service", help="Only these; all when none is named.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Publish again what services published, after a broker lost records. Consumers recognise what they have."""
    counts = asyncio.run(_republish(stack, since, reason, service or []))
    if as_json:
        emit_json(counts)
    else:
        out.print(table(["service", "republished"], counts.items()))
        out.print("next: lutong verify", style="dim")


async def _republish(stack: str, since: str, reason: str, services: list[str]) -> dict[str, int]:
    target = suite(stack)
    unknown = set(services) - set(target.urls)
    if unknown:
        raise ConsoleError(f"there is no service {min(unknown)!r}: there are {', '.join(target.urls)}", code=USAGE)
    body = {"reason": reason, "since": moment(since).isoformat()}
    async with target.client(120) as client:
        return {
            name: (await call(client, "POST", f"{url}/operations/republication", json=body))["republished"]
            for name, url in target.urls.items()
            if name in services or not services
        }
