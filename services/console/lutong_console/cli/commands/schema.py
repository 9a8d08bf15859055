"""lutong schema: the contracts of the suite, for people."""

import contextlib
import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Final

import typer

import lutong_contracts
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.cli.screen import emit_json, out
from lutong_console.targets import Json

commands = typer.Typer(help="Contracts: all events on one page.", no_args_is_help=True)

_DOCS: Final = Path(lutong_contracts.__file__).parents[3] / "docs"


@commands.callback()
def schema() -> None:
    """Contracts: all events on one page."""


@commands.command()
def serve(
    port: Annotated[int, typer.Option("--port", help="0 takes a free one.")] = 0, *, as_json: Json = False
) -> None:
    """Show events.html and asyncapi.json to a browser on this machine, until Ctrl-C."""
    if not (_DOCS / "events.html").exists():
        raise ConsoleError("events.html is part of a checkout, not of this installation", code=USAGE)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(_DOCS))
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        url = f"http://127.0.0.1:{server.server_port}/events.html"
        if as_json:
            emit_json({"url": url})
        else:
            out.print(url)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
