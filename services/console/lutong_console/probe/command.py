"""lutong probe: one synthetic journey through all services, step by step."""

import asyncio
from typing import Annotated, Any

import typer

from lutong_console import running_console
from lutong_console.cli import given
from lutong_console.cli.errors import PROBLEM
from lutong_console.cli.screen import echo, emit_json, line, out
from lutong_console.probe.journey import BOUND_S, Outcome
from lutong_console.probe.journey import probe as probed
from lutong_console.probe.world import prepare
from lutong_console.targets import Json, StackName, Suite, suite


def probe(
    stack: StackName = "default",
    *,
    within_s: Annotated[
        float, typer.Option("--within", help="Seconds that each step may take.", callback=given.seconds)
    ] = BOUND_S,
    as_json: Json = False,
) -> None:
    """Make one synthetic journey, from a post to its refund, and show how long each step took. Exit code 1 when it fails.

    It is made as a reader and a merchant of the reserved id lutong-probe, over the routes that people use, and counts in no
    figure of the business. The web console makes one every minute: lutong console --probe-every 60.
    """
    outcome = asyncio.run(_prepared(suite(stack), within_s))
    if as_json:
        emit_json(as_document(outcome))
    else:
        _print(outcome)
        running_console.name_page(stack, "/invariants")
    if outcome.failed:
        raise typer.Exit(PROBLEM)


async def _prepared(target: Suite, within_s: float) -> Outcome:
    if target.issuer:
        await prepare(target)
    return await probed(target, within_s)


def as_document(outcome: Outcome) -> dict[str, Any]:
    """A journey as JSON: on the console's page, too."""
    return {
        "at": outcome.at,
        "passed": outcome.failed is None,
        "took_ms": round(outcome.took_s * 1000),
        "steps": [{"step": step, "ms": round(took_s * 1000)} for step, took_s in outcome.steps],
        "failed": outcome.failed,
        "why": outcome.why,
        "journey": outcome.journey,
        "post_id": outcome.post_id,
        "order_id": outcome.order_id,
    }


def _print(outcome: Outcome) -> None:
    for step, took_s in outcome.steps:
        out.print(line(f"{took_s * 1000:7.0f} ms  {step}"))
    if outcome.failed:
        out.print(line("   ", ("failed", "bold red"), f"   {outcome.failed}: {outcome.why}"))
    else:
        out.print(line(f"{outcome.took_s * 1000:7.0f} ms  ", ("through all services", "bold")))
    if outcome.journey:
        echo(f"next: lutong journey {outcome.journey} --why")
