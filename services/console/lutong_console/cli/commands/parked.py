"""lutong parked: records that could not be handled, and what to do about them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from lutong_console import running_console
from lutong_console.cli import given
from lutong_console.cli.commands.settle import Service, discard, redrive
from lutong_console.cli.errors import PROBLEM, UNREACHABLE, USAGE, ConsoleError
from lutong_console.cli.screen import echo, emit_json, err, json_line, line, out, table
from lutong_console.parked_records import groups_of, parked_of
from lutong_console.targets import Json, StackName, Suite, call, services, suite

commands = typer.Typer(
    help="Records that could not be handled: list, groups, show, redrive, discard, skip.", no_args_is_help=True
)

commands.command()(redrive)
commands.command()(discard)

_PAGE: Final = 100
_ANSWER_TIMEOUT_S: Final = 10.0
_GROUP_COLUMNS: Final = ("service", "group", "type", "reason", "cause", "merchant_id", "records", "waiting", "last")
_COLUMNS: Final = ("service", "id", "place", "key", "source", "type", "reason", "error", "waiting", "since")

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
    if rows and not as_json:
        running_console.name_page(stack, "/parked")
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
def groups(
    stack: StackName = "default",
    *,
    service: Annotated[str | None, typer.Option("--service", help="Only this service's.")] = None,
    as_json: Json = False,
) -> None:
    """Parked records by what they have in common: error, type, merchant. Exit code 1 when there are any."""
    target = suite(stack)
    rows = asyncio.run(_groups(target, services(target, service)))
    if as_json:
        emit_json(rows)
    elif rows:
        cells = [[row[name] for name in _GROUP_COLUMNS[:-1]] + [row["last_at"][:19]] for row in rows]
        out.print(table(_GROUP_COLUMNS, cells))
        out.print(given.here("\nnext: lutong parked redrive SERVICE --group GROUP --dry-run"), style="dim")
        running_console.name_page(stack, "/parked")
    else:
        out.print("nothing is parked")
    if rows:
        raise typer.Exit(PROBLEM)


async def _groups(target: Suite, names: Sequence[str]) -> list[dict[str, Any]]:
    async with target.client(_ANSWER_TIMEOUT_S) as client:
        found = await asyncio.gather(*(groups_of(client, target.urls[name]) for name in names))
    return [{"service": name} | row for name, rows in zip(names, found, strict=True) for row in rows]


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
    running_console.name_page(stack, f"/parked/{service}/{parked_id}")


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
                rows, total = await parked_of(
                    client, target.urls[name], {"reason": reason} if reason else None, everything=everything
                )
            except ConsoleError as error:
                return Found(name, [], 0, error)
            return Found(name, [{"service": name} | row for row in rows], total)

        return await asyncio.gather(*(found(name) for name in services(target, service)))


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
        for name in services(target, service):
            try:
                await call(client, "POST", f"{target.urls[name]}/operations/parked/skip", json=body)
                accepted.append(name)
            except ConsoleError as error:
                message = str(error).partition("/operations/parked/skip: ")[2].partition(" ")[2] or str(error)
                refused.append(ConsoleError(message, code=error.code))
    concerned = [error for error in refused if "does not consume" not in str(error)]
    return accepted, concerned or refused


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    place = f"{row['topic']}/{row['partition']}@{row['offset']}"
    about = (row["key"], row["source"], row["type"], row["reason"], row["error"])
    return (row["service"], row["id"], place, *about, row["waiting"], row["parked_at"][:19])


def _url(target: Suite, service: str, parked_id: int, verb: str) -> str:
    (name,) = services(target, service)
    return f"{target.urls[name]}/operations/parked/{parked_id}/{verb}"
