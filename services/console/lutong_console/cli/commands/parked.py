"""lutong parked: records that could not be handled, and what to do about them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import httpx
import typer

from lutong_console.cli import given
from lutong_console.cli.errors import PROBLEM, UNREACHABLE, USAGE, ConsoleError
from lutong_console.cli.screen import echo, emit_json, err, json_line, line, out, table
from lutong_console.targets import Json, StackName, Suite, ask, call, suite

commands = typer.Typer(
    help="Records that could not be handled: list, show, redrive, discard, skip.", no_args_is_help=True
)

_PAGE: Final = 100
_ANSWER_TIMEOUT_S: Final = 10.0
_COLUMNS: Final = ("service", "id", "place", "key", "source", "type", "reason", "error", "waiting", "since")

Service = Annotated[str, typer.Argument(help="feed, registry, membership or inventory.")]
ParkedId = Annotated[int, typer.Argument(help="The id that `lutong parked list` shows.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit table.", prompt=False)]


@commands.command("list")
def list_parked(  # one parameter per option
    stack: StackName = "default",
    *,
    service: Annotated[str | None, typer.Option("--service", help="Only this service's.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Only with this reason, as bad_bytes.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help=f"All, not only the first {_PAGE} of each service.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List open parked records of all services. Exit code 1 when there are any, 3 when a service does not answer."""
    found = asyncio.run(_list(suite(stack), service, reason, everything=everything))
    rows = [row for each in found for row in each.rows]
    if as_json:
        emit_json(rows)
    elif rows:
        out.print(table(_COLUMNS, [_cells(row) for row in rows]))
        out.print(
            given.here("\nnext: lutong parked show SERVICE ID · lutong parked redrive SERVICE ID --reason …"),
            style="dim",
        )
    silent = [each for each in found if each.silent]
    if not (rows or silent or as_json):
        out.print("nothing is parked")
    _name_what_is_missing(found)
    if silent or rows:
        away = any(each.silent and each.silent.code == UNREACHABLE for each in silent)
        raise typer.Exit(UNREACHABLE if away else PROBLEM)


def _name_what_is_missing(found: "Sequence[Found]") -> None:
    for each in found:
        if len(each.rows) < each.total:
            echo(f"{each.service}: {len(each.rows)} of {each.total}; --all lists all")
        if each.silent:
            err.print(line(("error", "bold red"), f" {each.service}: {each.silent}"))
    if then := next((each.silent.then for each in found if each.silent and each.silent.then), ""):
        err.print(f"next: {given.here(then)}")


@commands.command()
def show(
    service: Service,
    parked_id: ParkedId,
    stack: StackName = "default",
    *,
    reveal: Annotated[bool, typer.Option("--reveal", help="Its content, too; needs --reason.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why it is read; it is kept in the audit table.")] = "",
    as_json: Json = False,
) -> None:
    """Show one record that was set aside: where it is, its key and its headers.

    The content may be personal: it is shown with --reveal, and who read it is audited.
    """
    if reveal and not reason:
        raise ConsoleError(
            "the content of a record may be personal: give the reason for reading it, with --reason", code=USAGE
        )
    shown = asyncio.run(_show(suite(stack), service, parked_id, reason if reveal else ""))
    if as_json:
        emit_json(shown)
        return
    headers, revealed = shown.pop("headers"), shown.pop("revealed", None)
    out.print(table(["", ""], [(name, value) for name, value in shown.items() if value is not None]))
    out.print(table(["header", "bytes", "text"], [(h["name"], h["bytes"], h["text"]) for h in headers]))
    if revealed:
        out.print(line(("value", "bold"), " ", json_line(revealed["value"])))
    else:
        echo(f"next: lutong parked show {service} {parked_id} --reveal --reason …")


@commands.command()
def skip(  # noqa: PLR0913  # one parameter per option
    topic: Annotated[str, typer.Argument(help="The topic, in full: lutong.feed.posts.")],
    partition: Annotated[int, typer.Argument(min=0, help="The partition.")],
    offset: Annotated[int, typer.Argument(min=0, help="The offset of the record that `lutong doctor` names.")],
    reason: Reason,
    stack: StackName = "default",
    *,
    service: Annotated[str | None, typer.Option("--service", help="Only for this service.")] = None,
    as_json: Json = False,
) -> None:
    """Go on behind a record that a service tries again and again; its bytes are kept, and it is audited.

    Only a record that is being tried again now can be skipped. It is, before the next try: in 15 s at most.
    """
    body = {"topic": topic, "partition": partition, "offset": offset, "reason": reason}
    accepted, refused = asyncio.run(_skip(suite(stack), service, body))
    if not accepted:
        silent = any(error.code == UNREACHABLE for error in refused)
        raise ConsoleError(
            "; ".join(str(error) for error in refused), then="lutong doctor", code=UNREACHABLE if silent else PROBLEM
        )
    if as_json:
        emit_json({"skips": f"{topic}/{partition}@{offset}", "services": accepted})
    else:
        out.print(f"{', '.join(accepted)} will go on behind {topic}/{partition}@{offset}; next: lutong doctor")


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


@dataclass(frozen=True, slots=True)
class Found:
    """What one service has set aside: rows, how many there are in all, or why it gave no list."""

    service: str
    rows: list[dict[str, Any]]
    total: int
    silent: ConsoleError | None = None


async def _list(target: Suite, service: str | None, reason: str | None, *, everything: bool) -> list[Found]:
    """Ask all at once: one that does not answer hides nothing of the others."""
    async with target.client(_ANSWER_TIMEOUT_S) as client:

        async def found(name: str) -> Found:
            try:
                rows, total = await parked_of(client, target.urls[name], reason, everything=everything)
            except ConsoleError as error:
                return Found(name, [], 0, error)
            return Found(name, [{"service": name} | row for row in rows], total)

        return await asyncio.gather(*(found(name) for name in _services(target, service)))


async def parked_of(
    client: httpx.AsyncClient, url: str, reason: str | None = None, *, everything: bool = False
) -> tuple[list[dict[str, Any]], int]:
    """Open parked records of a service, and how many there are in all."""
    rows: list[dict[str, Any]] = []
    wanted = {"reason": reason} if reason else {}
    while True:
        after = {"after": rows[-1]["id"] if rows else 0, "limit": _PAGE}
        answer = await ask(client, "GET", f"{url}/operations/parked", params=wanted | after)
        more = answer.json()
        rows += more
        if not everything or len(more) < _PAGE:
            return rows, int(answer.headers.get("lutong-total", len(rows)))


async def _show(target: Suite, service: str, parked_id: int, reason: str) -> dict[str, Any]:
    url = _url(target, service, parked_id, "reveal")
    async with target.client(_ANSWER_TIMEOUT_S) as client:
        shown: dict[str, Any] = await call(client, "GET", url.removesuffix("/reveal"))
        if reason:
            shown["revealed"] = await call(client, "POST", url, json={"reason": reason})
    return shown


async def _skip(target: Suite, service: str | None, body: dict[str, Any]) -> tuple[list[str], list[ConsoleError]]:
    """Ask every service, or the one that was named; gives those that skip, and what the others answer."""
    accepted, refused = [], []
    async with target.client(_ANSWER_TIMEOUT_S) as client:
        for name in _services(target, service):
            try:
                await call(client, "POST", f"{target.urls[name]}/operations/parked/skip", json=body)
                accepted.append(name)
            except ConsoleError as error:
                message = str(error).partition("/operations/parked/skip: ")[2].partition(" ")[2] or str(error)
                refused.append(ConsoleError(message, code=error.code))
    concerned = [error for error in refused if "does not consume" not in str(error)]
    return accepted, concerned or refused


def _services(target: Suite, service: str | None) -> list[str]:
    if service is None:
        return list(target.urls)
    if service not in target.urls:
        raise ConsoleError(f"there is no service {service!r}: there are {', '.join(target.urls)}", code=USAGE)
    return [service]


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    place = f"{row['topic']}/{row['partition']}@{row['offset']}"
    about = (row["key"], row["source"], row["type"], row["reason"], row["error"])
    return (row["service"], row["id"], place, *about, row["waiting"], row["parked_at"][:19])


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
    (name,) = _services(target, service)
    return f"{target.urls[name]}/operations/parked/{parked_id}/{verb}"
