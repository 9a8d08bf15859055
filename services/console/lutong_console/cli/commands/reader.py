"""lutong reader: the feed as a web page, read by the people of a demo on this machine."""

import asyncio
import signal
from typing import Annotated, Final

import typer

from lutong_console.cli.commands.console import Server
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.reader import world
from lutong_console.reader.app import create
from lutong_console.targets import Json, StackName, nothing_runs, stack_named, suite
from lutong_console.web.access import Access

PORT: Final = 8901


def reader(
    stack: StackName = "default",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Where it listens; 0 takes a free one.")] = PORT,
    *,
    as_json: Json = False,
) -> None:
    """Serve the feed as a web page until Ctrl-C: read as one of three people, join and order, follow the road live."""
    local = stack_named(stack)
    if local is None or not local.children:
        raise nothing_runs(stack)
    target = suite(stack)
    asyncio.run(world.build(target))
    access = Access()
    server = Server(create(target, local.signer, access), port, access, as_json=as_json)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # uvicorn handles it
    server.run()
    if not server.started:
        raise ConsoleError(f"port {port} of 127.0.0.1 is taken", then="lutong reader --port 0", code=USAGE)
