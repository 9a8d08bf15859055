"""lutong light-stores: hand a template in, look what a version would do, bring it to the stores, find what differs.

The registry answers `/v1/templates/{template_id}` and what is below it; rows of stores are imported (`lutong import
light-stores.csv`). docs/light-stores.md walks through it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import quote

import httpx
import orjson
import typer

from lutong_console.cli.errors import PROBLEM, USAGE, ConsoleError
from lutong_console.cli.light_stores import shown
from lutong_console.cli.screen import echo, emit_json, out
from lutong_console.targets import Json, StackName, call, suite

commands = typer.Typer(
    help="A brand's light stores: submit, plan, apply, status, diff, drift, adopt. Their rows: lutong import light-stores.csv.",
    no_args_is_help=True,
)

Document = dict[str, Any]
TemplateId = Annotated[str, typer.Argument(help="The template, by its id.")]
Version = Annotated[int, typer.Argument(min=1, help="A version of it.")]

_TIMEOUT_S: Final = 60
_EVERY_S: Final = 0.5
_OPEN: Final = frozenset({"running", "reverting"})


@commands.callback()
def light_stores() -> None:
    """A brand's light stores."""


@commands.command("submit")
def submit(
    file: Annotated[Path, typer.Argument(help="JSON with merchant_id, version and template.")],
    template: Annotated[str, typer.Option("--template", help="The template, by its id.")],
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:
    """Hand in a version of a template for review. An operator approves it, and with it every store that is made of it."""
    document = asyncio.run(_sent(stack, "POST", template, "/versions", _read(file)))
    emit_json(document) if as_json else out.print(shown.versions(document))


@commands.command("plan")
def plan(template: TemplateId, version: Version, stack: StackName = "default", *, as_json: Json = False) -> None:
    """Show what a version would do to the stores; nothing is changed. Exit code 1 when there is a store that it does not fit."""
    document = asyncio.run(_planned(stack, template, version))
    emit_json(document) if as_json else shown.plan(document)
    if document["refused"]:
        raise typer.Exit(PROBLEM)


@commands.command("apply")
def apply(  # noqa: PLR0913  # one parameter per option
    template: TemplateId,
    version: Version,
    wait_s: Annotated[int, typer.Option("--wait", min=0, help="Seconds for which a stage is watched.")] = 600,
    errors_max: Annotated[int, typer.Option("--errors-max", min=0, help="Stores that may fail before it stops.")] = 0,
    stack: StackName = "default",
    *,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait until it has ended.")] = True,
    as_json: Json = False,
) -> None:
    """Bring an approved version to 1 %, 10 % and all of the stores. Exit code 1 when it stopped: the stores have back what they had."""
    body = {"version": version, "wait_s": wait_s, "errors_max": errors_max}
    rollout = asyncio.run(_applied(stack, template, body, follow=follow))
    emit_json(rollout) if as_json else out.print(shown.rollout(rollout))
    if rollout["state"] in {"stopped", "reverting"}:
        raise typer.Exit(PROBLEM)


@commands.command("status")
def status(template: TemplateId, stack: StackName = "default", *, as_json: Json = False) -> None:
    """Show a template: its versions, how many stores it has, and how far its last rollout is."""
    document = asyncio.run(_sent(stack, "GET", template, ""))
    if as_json:
        emit_json(document)
        return
    out.print(shown.versions(document))
    out.print(f"stores 门店: {document['stores']:,}, detached 已脱离: {document['detached']:,}")
    if document["rollout"]:
        out.print(shown.rollout(document["rollout"]))


@commands.command("diff")
def diff(
    template: TemplateId,
    store: Annotated[str, typer.Argument(help="A store, by its location.")],
    version: Annotated[int | None, typer.Option("--version", min=1, help="Compare with this version.")] = None,
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:
    """Show what a store has of its own, and what an upgrade to another version would give it."""
    wanted = f"?version={version}" if version else ""
    document = asyncio.run(_sent(stack, "GET", template, f"/light-stores/{quote(store, safe='')}{wanted}"))
    emit_json(document) if as_json else shown.differences(document)


@commands.command("adopt")
def adopt(
    template: TemplateId,
    store: Annotated[str, typer.Argument(help="A store, by its location.")],
    stack: StackName = "default",
    *,
    as_json: Json = False,
) -> None:
    """Keep what a store's program was changed to by hand: it becomes edits of its merchant, which upgrades keep."""
    document = asyncio.run(_adopted(stack, template, f"/light-stores/{quote(store, safe='')}"))
    emit_json(document) if as_json else shown.differences(document)


@commands.command("drift")
def drift(template: TemplateId, stack: StackName = "default", *, as_json: Json = False) -> None:
    """Show stores whose program is not what their template makes of them. Exit code 1 when there is one."""
    pages = asyncio.run(_pages(stack, template, "/drift"))
    found = [each for page in pages for each in page["stores"]]
    document = {"looked_at": sum(page["looked_at"] for page in pages), "stores": found}
    emit_json(document) if as_json else shown.drift(document)
    if found:
        raise typer.Exit(PROBLEM)


class _Template(NamedTuple):
    """Where a template is, and the client that asks for it."""

    client: httpx.AsyncClient
    url: str


@asynccontextmanager
async def _asking(stack: str, template: str) -> AsyncIterator[_Template]:
    target = suite(stack)
    async with target.client(_TIMEOUT_S) as client:
        yield _Template(client, f"{target.urls['registry']}/v1/templates/{quote(template, safe='')}")


async def _sent(stack: str, method: str, template: str, path: str, body: Document | None = None) -> Document:
    async with _asking(stack, template) as (client, url):
        found: Document = await call(client, method, url + path, json=body)
        return found


async def _adopted(stack: str, template: str, path: str) -> Document:
    """The edits that a store has, and those that its program shows."""
    async with _asking(stack, template) as (client, url):
        found: Document = await call(client, "GET", url + path)
        if found["by_hand"]:
            edits = {"edits": found["edits"] | found["by_hand"]}
            found = await call(client, "PUT", f"{url}{path}/edits", json=edits)
        return found


async def _pages(stack: str, template: str, path: str) -> list[Document]:
    """A report page by page: it may be of ten thousand stores."""
    pages: list[Document] = []
    async with _asking(stack, template) as (client, url):
        while not pages or pages[-1]["after"]:
            after = pages[-1]["after"] if pages else ""
            pages.append(await call(client, "GET", url + path, params={"after": after, "limit": 1000}))
    return pages


async def _planned(stack: str, template: str, version: int) -> Document:
    pages = await _pages(stack, template, f"/plans/{version}")
    counts = {name: sum(page[name] for page in pages) for name in ("looked_at", "changed", "unchanged", "conflicts")}
    return {"version": version, **counts, "refused": [each for page in pages for each in page["refused"]]}


async def _applied(stack: str, template: str, body: Document, *, follow: bool) -> Document:
    """Start a rollout, and follow it to its end."""
    async with _asking(stack, template) as (client, url):
        rollout: Document = await call(client, "POST", f"{url}/rollouts", json=body)
        last: tuple[str, int] | None = None
        while follow and rollout["state"] in _OPEN:
            await asyncio.sleep(_EVERY_S)
            rollout = (await call(client, "GET", url))["rollout"]
            if (now := (rollout["state"], rollout["percent"])) != last:
                echo(f"{rollout['state']} at {rollout['percent']} %: {rollout['upgraded']:,} stores upgraded")
                last = now
        return rollout


def _read(file: Path) -> Document:
    try:
        document = orjson.loads(file.read_bytes())
    except OSError as error:
        raise ConsoleError(f"{file}: {error.strerror}", code=USAGE) from None
    except orjson.JSONDecodeError as error:
        raise ConsoleError(f"{file} is no JSON: {error}", code=USAGE) from None
    if not isinstance(document, dict):
        raise ConsoleError(f"{file} has to be an object with merchant_id, version and template", code=USAGE)
    return document
