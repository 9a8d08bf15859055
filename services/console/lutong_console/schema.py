"""lutong schema: the generated documents, and whether the contracts changed compatibly."""

import contextlib
import functools
import json
import subprocess
from collections.abc import Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any, Final

import typer

import lutong_contracts
from lutong_console import catalogue, dashboards, events_page, machines, settings_page
from lutong_console.errors import PROBLEM, USAGE, ConsoleError
from lutong_console.screen import emit_json, out
from lutong_console.targets import Json
from lutong_contracts import event_types
from lutong_contracts.schema import Change, incompatibilities, schema

commands = typer.Typer(help="Contracts: generate the documents, check changes.", no_args_is_help=True)

_SCHEMAS: Final = Path(lutong_contracts.__file__).parent / "schemas"
_RECENT: Final = ("HEAD", "HEAD~1")
"""What a working copy is compared with: the last commit, and, in a clean clone of it, the one before."""
_ROOT: Final = _SCHEMAS.parents[3]


def documents() -> dict[Path, bytes]:
    """Every generated file and what it must contain."""
    handled = catalogue.reactions()
    wanted = {_SCHEMAS / f"{event.type}.json": _pretty(schema(event)) for event in event_types().values()}
    wanted[_ROOT / "docs" / "asyncapi.json"] = described = catalogue.asyncapi(handled)
    wanted[catalogue.HANDLED] = catalogue.handled(handled)
    wanted[_ROOT / "docs" / "events.html"] = events_page.page(json.loads(described))
    wanted[_ROOT / "docs" / "flow.md"] = catalogue.flow(handled).encode()
    told = _ROOT / "docs" / "membership.md"
    wanted[told] = machines.drawn(told.read_text(encoding="utf-8")).encode()
    wanted[_ROOT / "docs" / "routes.md"] = catalogue.routes().encode()
    wanted[_ROOT / "docs" / "settings.md"] = settings_page.page().encode()
    shown = _ROOT / "deploy" / "grafana" / "dashboards"
    return wanted | {shown / name: content for name, content in dashboards.rendered().items()}


@commands.command()
def generate(*, as_json: Json = False) -> None:
    """Write every document that is generated: schemas, AsyncAPI, pages, tables, state machines and dashboards."""
    wanted = documents()
    for path in set(_SCHEMAS.glob("*.json")) - wanted.keys():
        path.unlink()
    for path, content in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if as_json:
        emit_json({"written": len(wanted)})
    else:
        out.print(f"{len(wanted)} documents written")


@commands.command()
def check(
    against: Annotated[str | None, typer.Option("--against", help="A folder of schemas, or a git revision.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Fail when a generated document is out of date, or when a contract changed incompatibly. Exit code 1."""
    stale = [str(path.relative_to(_ROOT)) for path, content in documents().items() if not _is(path, content)]
    broken = [
        {"type": event_type, "pointer": change.pointer, "why": change.why}
        for revision in ([against] if against else _RECENT)
        for event_type, old in _published(revision).items()
        for change in _changes(event_type, old)
    ]
    if as_json:
        emit_json({"out_of_date": stale, "incompatible": broken})
    else:
        for name in stale:
            out.print(f"out of date: {name}; run: make generate")
        for item in broken:
            out.print(
                f"incompatible: {item['type']} {item['pointer']}: {item['why']}; publish a new version of the type instead"
            )
        if not stale and not broken:
            out.print(f"contracts: {len(event_types())} event types, documents up to date, changes compatible")
    if stale or broken:
        raise typer.Exit(PROBLEM)


@commands.command()
def serve(
    port: Annotated[int, typer.Option("--port", help="0 takes a free one.")] = 0, *, as_json: Json = False
) -> None:
    """Show events.html and asyncapi.json to a browser on this machine, until Ctrl-C."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(_ROOT / "docs"))
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        url = f"http://127.0.0.1:{server.server_port}/events.html"
        emit_json({"url": url}) if as_json else out.print(url)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def _changes(event_type: str, old: Mapping[str, Any]) -> list[Change]:
    known = event_types().get(event_type)
    if known is None:
        return [Change("", "the type is gone: consumers may still need it")]
    return incompatibilities(old, schema(known))


def _published(against: str) -> dict[str, dict[str, Any]]:
    """The schemas that others rely on: a folder's or a revision's. A checkout without history has none."""
    if Path(against).is_dir():
        return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in Path(against).glob("*.json")}
    folder = _SCHEMAS.relative_to(_ROOT).as_posix()
    names = _git("ls-tree", "--name-only", against, f"{folder}/")
    if names is None:
        if against not in _RECENT:
            raise ConsoleError(f"{against!r} is neither a folder nor a revision of this checkout", code=USAGE)
        return {}
    return {Path(name).stem: json.loads(_git("show", f"{against}:{name}") or "{}") for name in names.split()}


def _git(*arguments: str) -> str | None:
    """What git says; None where there is no git, no checkout or no such revision."""
    try:
        done = subprocess.run(["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607  # git from PATH, no shell
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def _is(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


def _pretty(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()
