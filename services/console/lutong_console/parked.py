"""lutong parked: records that could not be handled, and what to do about them."""

import asyncio
from typing import Annotated, Any

import typer

from lutong_console import given
from lutong_console.errors import PROBLEM, ConsoleError
from lutong_console.screen import emit_json, err, out, table
from lutong_console.targets import Json, StackName, Suite, call, suite

commands = typer.Typer(help="Records that could not be handled: list, redrive, discard.", no_args_is_help=True)

Service = Annotated[str, typer.Argument(help="feed, registry, membership or inventory.")]
ParkedId = Annotated[int, typer.Argument(help="The id that `lutong parked list` shows.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit table.", prompt=False)]


@commands.command("list")
def list_parked(stack: StackName = "default", *, as_json: Json = False) -> None:
    """List open parked records of all services. Exit code 1 when there are any."""
    rows = asyncio.run(_list(stack))
    if as_json:
        emit_json(rows)
    elif rows:
        shown = [
            (r["service"], r["id"], r["type"], r["reason"], r["error"], r["waiting"], r["parked_at"][:19]) for r in rows
        ]
        out.print(table(["service", "id", "type", "reason", "error", "waiting", "since"], shown))
        out.print(given.here("\nnext: lutong parked redrive SERVICE ID --reason …"), style="dim")
    else:
        out.print("nothing is parked")
    if rows:
        raise typer.Exit(PROBLEM)


@commands.command()
def redrive(
    service: Service, parked_id: ParkedId, reason: Reason, stack: StackName = "default", *, as_json: Json = False
) -> None:
    """Handle a parked record again, and then all that waited behind it, in order."""
    redriven = asyncio.run(_redrive(stack, service, parked_id, reason))
    emit_json({"redriven": redriven}) if as_json else out.print(f"{redriven} went through")


@commands.command()
def discard(
    service: Service, parked_id: ParkedId, reason: Reason, stack: StackName = "default", *, as_json: Json = False
) -> None:
    """Give a parked record up; the next that waited behind it takes its place."""
    answer = asyncio.run(_discard(stack, service, parked_id, reason))
    if as_json:
        emit_json(answer)
        return
    following = answer["next_parked"]
    out.print("discarded" + (given.here(f"; next: lutong parked redrive {service} {following}") if following else ""))


async def _list(stack: str) -> list[dict[str, Any]]:
    target = suite(stack)
    async with target.client(10) as client:
        return [
            {"service": service, **row}
            for service, url in target.urls.items()
            for row in await call(client, "GET", f"{url}/operations/parked")
        ]


async def _redrive(stack: str, service: str, parked_id: int, reason: str) -> int:
    """Redrive until nothing waits any more; a service answers every few seconds."""
    target, redriven = suite(stack), 0
    head: int | None = parked_id
    async with target.client(60) as client:
        with err.status("redriving") as status:
            while head is not None:
                answer = await call(client, "POST", _url(target, service, head, "redrive"), json={"reason": reason})
                redriven, head = redriven + answer["redriven"], answer["next_parked"]
                status.update(f"{redriven} went through")
    return redriven


async def _discard(stack: str, service: str, parked_id: int, reason: str) -> Any:  # noqa: ANN401  # JSON
    target = suite(stack)
    async with target.client(60) as client:
        return await call(client, "POST", _url(target, service, parked_id, "discard"), json={"reason": reason})


def _url(target: Suite, service: str, parked_id: int, verb: str) -> str:
    if service not in target.urls:
        raise ConsoleError(f"there is no service {service!r}: there are {', '.join(target.urls)}", code=2)
    return f"{target.urls[service]}/operations/parked/{parked_id}/{verb}"
